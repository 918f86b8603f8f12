/** The settings under which a whole suite is run once more: `npm run test:extremes`. */
export function variant(): Record<string, string> {
  return JSON.parse(process.env.TEST_SETTINGS ?? '{}') as Record<string, string>;
}

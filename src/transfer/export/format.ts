export const FORMATS = ['ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

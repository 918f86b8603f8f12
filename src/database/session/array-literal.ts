const ESCAPED = /["\\]/;

/**
 * An array as PostgreSQL reads it, the way the driver writes it, in half the time and without a text for each element: an import sends
 * thousands of elements a statement. Null: the driver must write it, because it holds more than numbers, strings, booleans and nulls.
 *
 * @example arrayLiteral(['doc', null]) // '{"doc",NULL}'
 */
export function arrayLiteral(items: readonly unknown[]): string | null {
  if (items.every((item) => typeof item === 'string' && !ESCAPED.test(item))) {
    return items.length === 0 ? '{}' : `{"${items.join('","')}"}`;
  }
  const elements: unknown[] = [];
  for (const item of items) {
    const type = typeof item;
    if (type === 'string') {
      elements.push(`"${(item as string).replaceAll(/["\\]/g, String.raw`\$&`)}"`);
    } else if (type === 'number' || type === 'boolean') {
      elements.push(item);
    } else if (item === null) {
      elements.push('NULL');
    } else {
      return null;
    }
  }
  return `{${elements.join(',')}}`;
}

/** What a caller wishes for a call that is partly wrong, as the header `Preference-Applied` states it. */
export const LENIENT = 'handling=lenient';

/** The text between two commas that are not in quotes. A quote that is never closed takes in the rest. */
const BETWEEN_COMMAS = /(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g;
/** A preference: its name and its value. Its parameters are not read. */
const PREFERENCE =
  /^[ \t]*([!#$%&'*+.^_`|~\w-]+)(?:[ \t]*=[ \t]*([!#$%&'*+.^_`|~\w-]+|"(?:[^"\\]|\\.)*"))?[ \t]*(?:;|$)/;

/**
 * Whether a caller prefers that a call is taken without what is wrong in it, over an error (RFC 7240). Of several preferences of one
 * name the first counts.
 *
 * @param prefer the header `Prefer`; several headers are one, with commas between them
 */
export function prefersLeniency(prefer: string): boolean {
  for (const text of prefer.match(BETWEEN_COMMAS) ?? []) {
    const [, name = '', value = ''] = PREFERENCE.exec(text) ?? [];
    if (name.toLowerCase() === 'handling') {
      // The RFC tells values apart by case, but nobody means anything else by "Lenient".
      return unquoted(value).toLowerCase() === 'lenient';
    }
  }
  return false;
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value;
}

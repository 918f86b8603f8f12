/** What a caller wishes for a call that is partly wrong, as the header `Preference-Applied` states it. */
export const LENIENT = 'handling=lenient';

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
  for (const text of betweenCommas(prefer)) {
    const [, name = '', value = ''] = PREFERENCE.exec(text) ?? [];
    if (name.toLowerCase() === 'handling') {
      // The RFC tells values apart by case, but nobody means anything else by "Lenient".
      return unquoted(value).toLowerCase() === 'lenient';
    }
  }
  return false;
}

/**
 * The texts between commas that are not in quotes. A quote that is never closed takes in the rest. Not a regular expression: it would
 * need more stack for a long text than V8 always has.
 */
function* betweenCommas(text: string): Generator<string> {
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isQuoted && character === '\\') {
      i++;
    } else if (character === '"') {
      isQuoted = !isQuoted;
    } else if (character === ',' && !isQuoted) {
      yield text.slice(start, i);
      start = i + 1;
    }
  }
  yield text.slice(start);
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value;
}

import type { FieldError } from '../../../http/problems/problem.js';

/** The most unknown properties that an answer names; a body may have thousands. */
const MAX_MISTAKES = 10;
const MAX_NAME_LENGTH = 100;
/** A name with more different letters than this does not count as a misspelling. */
const MAX_DISTANCE = 2;

/**
 * The unknown properties of a body, as errors for the answer.
 *
 * @param known what the request takes
 * @param takes the words before the list of what it takes
 */
export function mistakesOfNames(
  names: readonly string[],
  known: readonly string[],
  takes = 'the request takes',
): FieldError[] {
  return names
    .filter((name) => !known.includes(name))
    .slice(0, MAX_MISTAKES)
    .map((name) => {
      const field = name.slice(0, MAX_NAME_LENGTH);
      const meant = nearest(field, known);
      const hint = meant === null ? `${takes} ${listOf(known)}`.trimEnd() : `did you mean ${meant}?`;
      return { field, message: `${JSON.stringify(field)} is not known; ${hint}` };
    });
}

/** The known name that was probably meant: in another style, shorter, longer, or misspelled. Of several, the most similar. */
function nearest(name: string, names: readonly string[]): string | null {
  const letters = lettersOf(name);
  const similar = names.flatMap((known) => {
    const other = lettersOf(known);
    const isPart = letters.length >= 4 && (other.includes(letters) || letters.includes(other));
    const different = distance(letters, other);
    return isPart || different <= MAX_DISTANCE ? { known, different } : [];
  });
  return similar.toSorted((a, b) => a.different - b.different)[0]?.known ?? null;
}

function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '');
}

/** How many letters must be inserted, deleted or replaced to turn one text into another. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const replaced = row[j]! + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(replaced, row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}

import { DatabaseUnavailableError } from '../../database/session/unavailable.js';

/** No caller waits longer for an answer, be it a refusal: with what else a call takes, it has one within 5 s. */
export const ANSWER_WITHIN_MS = 4_200;

/** The answer of `work`, unless that takes too long. The work itself is not stopped: its own time limits do that. */
export async function answerInTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow()), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function tooSlow(): DatabaseUnavailableError {
  return new DatabaseUnavailableError('the database takes too long to answer');
}

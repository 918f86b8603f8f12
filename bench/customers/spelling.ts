import type { Identifiers } from './population.js';

/** One call of so many spells its identifiers as people do, so that the truth of an answer includes their one form. */
const SPELLED_EVERY = 8;

/** The body of a call; ASCII only. */
export function bodyOf({ email, phoneNumber }: Identifiers, count: number): string {
  return count % SPELLED_EVERY === 0
    ? JSON.stringify({
        email: email && ` ${email.toUpperCase()}`,
        phoneNumber: phoneNumber && spelled(phoneNumber),
      })
    : JSON.stringify({ email, phoneNumber });
}

function spelled(phoneNumber: string): string {
  return phoneNumber.replace(/^\+1(\d{3})(\d{3})(\d+)$/, '+1 ($1) $2-$3');
}

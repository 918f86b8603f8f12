import type { IdentityAnswer } from './population.js';
import type { Call } from './workload.js';

/** Says what is wrong with an answer, or null if it is what it must be. */
export function mistakeIn(view: IdentityAnswer, { sighting, expected }: Call): string | null {
  const { email, phoneNumber } = sighting;
  const wanted = expected();
  const ids = view.secondaryContactIds;
  const facts: Record<string, boolean> = {
    'the email that was sent': email === null || view.emails.includes(email),
    'the phone number that was sent': phoneNumber === null || view.phoneNumbers.includes(phoneNumber),
    'the primary contact': view.primaryContactId === (wanted.primaryContactId ?? view.primaryContactId),
    'the emails': isSame(view.emails, wanted.emails),
    'the phone numbers': isSame(view.phoneNumbers, wanted.phoneNumbers ?? view.phoneNumbers),
    'the secondary contacts':
      typeof wanted.secondaryContactIds === 'number'
        ? ids.length === wanted.secondaryContactIds
        : isSame(ids, wanted.secondaryContactIds ?? ids),
  };
  const wrong = Object.keys(facts).filter((fact) => !facts[fact]);
  return wrong.length === 0 ? null : `${wrong.join(', ')} of ${cut(sighting)}: ${cut(view)}`;
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function cut(value: unknown): string {
  return JSON.stringify(value).slice(0, 300);
}

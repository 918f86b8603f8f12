import type { ServiceClient } from '../support/client.js';

/** Ids of the people that {@link bringPeople} brings into an empty database. */
export const PEOPLE = { lorraine: 1, george: 3, biff: 4, jennifer: 5, marlene: 6, shop: 7 } as const;

const at = (name: string): string => `${name}@hillvalley.edu`;

/** Somebody with two emails, a merge, two who share a household, and eight whom the phone of a shop makes one. */
export async function bringPeople(client: ServiceClient, headers: Record<string, string>): Promise<void> {
  const sightings = [
    ['lorraine', '123456'],
    ['mcfly', '123456'],
    ['george', '919191'],
    ['biffsucks', '717171'],
    ['jennifer', '800100'],
    ['marlene', '800200'],
    ...['goldie', 'strickland', 'marvin', 'linda', 'dave', 'needles', 'match', 'skinhead'].map((name) => [
      name,
      '5550100',
    ]),
    ['george', '717171'],
  ] as const;
  for (const [name, phoneNumber] of sightings) {
    await client.identify({ email: at(name), phoneNumber }, headers);
  }
  const identifiers = ['jennifer', 'marlene'].map((name) => ({ kind: 'email', value: at(name) }));
  await client.send('POST', '/rules', { identifiers, reason: 'Mother and daughter' }, headers);
  // withheld, because the rule lies between: a review
  await client.identify({ email: at('jennifer'), phoneNumber: '800200' }, headers);
}

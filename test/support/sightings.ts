import * as fc from 'fast-check';
import type { Sighting } from '../../src/identity/domain/contact.js';
import type { IdentifyBody } from './wire.js';

/** What happens to the service in one step of a history. */
export type Step =
  | { readonly batch: readonly IdentifyBody[] }
  /** Deletes the contact at this share (0 to 1) of the live contacts by arrival; none: nothing happens. */
  | { readonly deleteAt: number };

const NAMES = ['lorraine', 'mcfly', 'george', 'biff', 'doc', 'jennifer', 'goldie', 'strickland'];
export const EMAILS = NAMES.map((name) => `${name}@hillvalley.edu`);
export const PHONES = ['123456', '919191', '717171', '+15550109999', '+4930123456', '88', '555', '0117'];

const anEmail = fc.constantFrom(...EMAILS);
const aPhone = fc.constantFrom(...PHONES);

/**
 * A normalised sighting from eight emails and eight phone numbers.
 *
 * Half come with one identifier only: they found the identities that the other half then joins. With pairs alone
 * one big identity swallows everything early and merges become rare.
 */
export const aSighting: fc.Arbitrary<IdentifyBody> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ email: anEmail, phoneNumber: aPhone }) },
  { weight: 1, arbitrary: fc.record({ email: anEmail, phoneNumber: fc.constant(null) }) },
  { weight: 1, arbitrary: fc.record({ email: fc.constant(null), phoneNumber: aPhone }) },
);

export const someSightings = fc.array(aSighting, { minLength: 1, maxLength: 40, size: 'max' });

/** Most of them with a date, from 1 to 50 µs since 1970, as an import has. */
export function dated(sighting: fc.Arbitrary<Sighting>): fc.Arbitrary<Sighting> {
  return fc
    .tuple(sighting, fc.option(fc.integer({ min: 1, max: 50 }), { freq: 3 }))
    .map(([given, createdAt]) => (createdAt === null ? given : { ...given, createdAt }));
}

/** Less than one, and no share more often than others, as fc.double would have it. */
export const aShare = fc.noBias(fc.nat({ max: 999 })).map((mille) => mille / 1000);

/** A batch of one to eight sightings; in one step of four a deletion instead. */
export function aStepOf(sighting: fc.Arbitrary<IdentifyBody>): fc.Arbitrary<Step> {
  const aBatch = fc.array(sighting, { minLength: 1, maxLength: 8, size: 'max' });
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ batch: aBatch }) },
    { weight: 1, arbitrary: fc.record({ deleteAt: aShare }) },
  );
}

export const aStep = aStepOf(aSighting);

export function aHistoryOf(sighting: fc.Arbitrary<IdentifyBody>): fc.Arbitrary<Step[]> {
  return fc.array(aStepOf(sighting), { minLength: 1, maxLength: 16, size: 'max' });
}

export const aHistory = aHistoryOf(aSighting);

/** Cuts a list into runs whose lengths repeat the given ones; all but the last are full. */
export function cut<T>(list: readonly T[], lengths: readonly number[]): T[][] {
  const runs: T[][] = [];
  for (let start = 0; start < list.length; start += runs.at(-1)?.length ?? 1) {
    runs.push(list.slice(start, start + (lengths[runs.length % lengths.length] ?? 1)));
  }
  return runs;
}

/** Taken from the environment variable SEED to repeat a run, else new in every run. */
export const seed = process.env['SEED'] ? Number(process.env['SEED']) : Math.trunc(Math.random() * 2 ** 31);

/** Names the seed of a file of random tests; call it once, at its top. */
export function announceSeed(subject: string): void {
  process.stderr.write(`${subject}: SEED=${seed}\n`);
}

/**
 * Checks a property with random histories, and with the next seeds' as long as something rare was not among them.
 *
 * Chance leaves a rare thing out of one round in some hundred, but not out of five in a row. That it was seen is expected
 * by the caller, after this.
 */
export function assertUntil<T>(property: fc.IProperty<T>, numRuns: number, isSeen: () => boolean): void {
  for (let round = 0; round < 5 && (round === 0 || !isSeen()); round++) {
    fc.assert(property, { seed: seed + round, numRuns });
  }
}

/** What never happened, of all that was counted. */
export function unseen(seen: Readonly<Record<string, number>>): string[] {
  return Object.keys(seen).filter((what) => seen[what] === 0);
}

/** The one at this share (0 to 1) of a list. */
export function pick<T>(list: readonly T[], share: number): T | undefined {
  return list[Math.trunc(share * list.length)];
}

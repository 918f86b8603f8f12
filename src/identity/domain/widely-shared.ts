import type { Identifier, Snapshot } from './contact.js';
import { factsOf, isWide } from './facts.js';
import type { Writes } from './writes.js';

/** No customer has so many contacts with one value, so a value that so many carry is shared by strangers. */
export const WIDELY_SHARED = 100;

/**
 * How many sightings linked a contact or merged identities with a value that {@link WIDELY_SHARED} live contacts of one
 * identity carried already. What was changed by hand does not count.
 *
 * Small identities are not looked at, so nearly all decisions take no time here.
 *
 * @param snapshot on which the writes were decided
 */
export function linksByWidelyShared(
  { identities }: Pick<Snapshot, 'identities'>,
  { newcomers, merges, change }: Pick<Writes, 'newcomers' | 'merges' | 'change'>,
): number {
  if (change !== null || (newcomers.length === 0 && merges.length === 0)) {
    return 0;
  }
  const wide = identities.filter(isWide).map(factsOf);
  const isWidelyShared = (identifier: Identifier): boolean =>
    wide.some(({ sharers }) => (sharers.get(identifier) ?? 0) + 1 >= WIDELY_SHARED);
  return wide.length === 0
    ? 0
    : [...newcomers, ...merges].filter(({ identifiers }) => identifiers.some(isWidelyShared)).length;
}

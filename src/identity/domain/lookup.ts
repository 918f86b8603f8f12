import type { IdentityView, Sighting, Snapshot } from './contact.js';
import { factsOf } from './facts.js';

/** An identity that has some of the identifiers that were looked up. */
export interface Match {
  readonly view: IdentityView;
  /** The kinds of these identifiers, the strongest first. */
  readonly matched: readonly string[];
}

/**
 * Finds the identities that have identifiers of a sighting, the one with the strongest of them first.
 *
 * Pure: nothing is changed, whatever the sighting would change if it were identified.
 *
 * @param snapshot every identity that shares an identifier with the sighting
 */
export function lookUp({ identities }: Snapshot, { identifiers }: Sighting): Match[] {
  const matches = identities.map((identity) => {
    const { holders, view } = factsOf(identity);
    return { view, found: identifiers.filter((identifier) => holders.has(identifier)) };
  });
  const rankOf = ({ found: [strongest] }: (typeof matches)[number]): number =>
    identifiers.indexOf(strongest!);
  return matches
    .filter(({ found }) => found.length > 0)
    .toSorted((a, b) => rankOf(a) - rankOf(b))
    .map(({ view, found }) => ({ view, matched: found.map(({ kind }) => kind) }));
}

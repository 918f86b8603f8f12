import type { IdentityView, Sighting, Snapshot } from './contact.js';
import { factsOf } from './facts.js';

/** An identity that has some of the identifiers that were looked up. */
export interface Match {
  readonly view: IdentityView;
  /** The kinds of these identifiers, the strongest first. */
  readonly matched: readonly string[];
}

/**
 * Finds the identities that have identifiers of a sighting, or their other forms, the one with the strongest of them first.
 *
 * Pure: nothing is changed, whatever the sighting would change if it were identified.
 *
 * @param snapshot every identity that shares an identifier with the sighting
 */
export function lookUp({ identities, policy: { kinds } }: Snapshot, { identifiers }: Sighting): Match[] {
  const matches = identities.map((identity) => {
    const { holders, view } = factsOf(identity);
    const found = identifiers.filter((identifier) =>
      kinds.withOtherForms([identifier]).some((each) => holders.has(each)),
    );
    return { view, found, isExact: found.length > 0 && holders.has(found[0]!) };
  });
  // Who has a number in another form comes after who has it just so.
  const rankOf = ({ found: [strongest], isExact }: (typeof matches)[number]): number =>
    identifiers.indexOf(strongest!) + (isExact ? 0 : 0.5);
  return matches
    .filter(({ found }) => found.length > 0)
    .toSorted((a, b) => rankOf(a) - rankOf(b))
    .map(({ view, found }) => ({ view, matched: found.map(({ kind }) => kind) }));
}

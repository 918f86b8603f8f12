import * as fc from 'fast-check';
import type { Contact } from '../../../src/identity/domain/contact.js';
import { factsOf, withAdded } from '../../../src/identity/domain/facts.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { linksByWidelyShared, WIDELY_SHARED } from '../../../src/identity/domain/widely-shared.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import { announceSeed, seed } from '../../support/sightings.js';
import { contact, GEORGE, identity, merge, newcomer, NOTHING_KNOWN, sighting } from './fixtures.js';

announceSeed('widely shared values');

const PLACEHOLDER = '0000000000';

/** Contacts with ids from 1, each with an email of its own; so many of them, the last ones, with the placeholder. */
function contacts(count: number, sharing: number): [Contact, ...Contact[]] {
  return Array.from({ length: count }, (_, i) =>
    contact(i + 1, `c${i + 1}@hillvalley.edu`, i < count - sharing ? `${i}` : PLACEHOLDER),
  ) as [Contact, ...Contact[]];
}

function linksOf(sharing: number, ...sightings: ReturnType<typeof sighting>[]): number {
  const george = contact(900, GEORGE, null);
  const snapshot = {
    ...NOTHING_KNOWN,
    identities: [identity(...contacts(150, sharing)), identity(george)],
  };
  return linksByWidelyShared(snapshot, reconcile(snapshot, sightings).writes);
}

test.each([
  [WIDELY_SHARED - 1, 0],
  [WIDELY_SHARED, 1],
])('of a value that %i contacts carry already, %i link counts', (sharing, links) => {
  expect(linksOf(sharing, sighting('biff@hillvalley.edu', PLACEHOLDER))).toBe(links);
  // a merge of two customers that are known
  expect(linksOf(sharing, sighting(GEORGE, PLACEHOLDER))).toBe(links);
});

test('a replay, another value of the same identity, and a new customer do not count', () => {
  expect(linksOf(120, sighting('c140@hillvalley.edu', PLACEHOLDER))).toBe(0);
  expect(linksOf(120, sighting('c1@hillvalley.edu', '5'), sighting('c2@hillvalley.edu', '777'))).toBe(0);
  expect(linksOf(120, sighting('doc@hillvalley.edu', '778'))).toBe(0);
});

test('what is linked by hand does not count', () => {
  const identities = [identity(...contacts(150, 120))];
  const writes = {
    ...NO_WRITES,
    newcomers: [newcomer(-1, null, PLACEHOLDER, 1)],
    merges: [merge(1, 900, GEORGE, PLACEHOLDER)],
  };
  expect(linksByWidelyShared({ identities }, writes)).toBe(2);
  const change = { kind: 'split' } as NonNullable<typeof NO_WRITES.change>;
  expect(linksByWidelyShared({ identities }, { ...writes, change })).toBe(0);
});

test('the carriers of a value are counted on as contacts are added, as if all had been read again', () => {
  const aContact = fc.record({
    email: fc.nat({ max: 20 }),
    phone: fc.nat({ max: 9 }),
    isDeleted: fc.boolean(),
  });
  let sharers = 0;
  fc.assert(
    fc.property(fc.array(fc.array(aContact, { minLength: 1 }), { minLength: 2, maxLength: 6 }), (groups) => {
      let id = 0;
      const [first, ...later] = groups.map((group) =>
        group.map(({ email, phone, isDeleted }) => contact(++id, `e${email}`, `${phone}`, { isDeleted })),
      );
      const primary = contact(++id, 'primary', '1', { createdAt: 0 });
      let grown = identity(primary, ...first!);
      factsOf(grown);
      for (const group of later) {
        const added = group.map((each) => ({ ...each, isDeleted: false }));
        grown = withAdded(grown, primary, added);
      }
      const again = factsOf({ ...grown });
      const rows = grown.rows.filter(({ isDeleted }) => !isDeleted);
      for (const identifier of rows.flatMap((row) => row.identifiers)) {
        const carriers = rows.filter((row) =>
          row.identifiers.some(({ kind, value }) => kind === identifier.kind && value === identifier.value),
        );
        const others = carriers.length === 1 ? undefined : carriers.length - 1;
        expect(factsOf(grown).sharers.get(identifier)).toBe(others);
        expect(again.sharers.get(identifier)).toBe(others);
        sharers += others ?? 0;
      }
    }),
    { seed },
  );
  expect(sharers).toBeGreaterThan(100);
});

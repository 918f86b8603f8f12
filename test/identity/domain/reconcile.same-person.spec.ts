import type { Identifier, Sighting } from '../../../src/identity/domain/contact.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import {
  BIFF,
  contact,
  deepFreeze,
  GEORGE,
  identity,
  LORRAINE,
  MCFLY,
  NOTHING_KNOWN,
  sighting,
} from './fixtures.js';

// Emails of one person, whom a record of the past knows by several. No sighting can have two of them.

const email = (value: string): Identifier => ({ kind: 'email', value });
const sameAs = (given: Sighting, value: string): Sighting => ({ ...given, sameAs: email(value) });
const lorraine = identity(contact(1, LORRAINE, '123456'));
const biff = identity(contact(2, BIFF, '717171'));

test('a sighting that is the same as somebody is decided as any other, and then joins that person', () => {
  const decided = reconcile(
    { ...NOTHING_KNOWN, identities: deepFreeze([lorraine, biff]) },
    deepFreeze([
      sameAs(sighting(MCFLY, null), LORRAINE),
      sameAs(sighting(BIFF, null), LORRAINE),
      sameAs(sighting(MCFLY, null), LORRAINE),
    ]),
  );
  expect(decided.outcomes).toEqual(['created', 'unchanged', 'unchanged']);
  expect([...decided.joinings!.values()]).toEqual(['joined', 'joined', 'one']);
  const made = { cause: 'sighting', identifiers: [] };
  expect(decided.writes.merges).toEqual([
    { ...made, survivorId: 1, mergedId: -1, leftId: 1, rightId: -1 },
    { ...made, survivorId: 1, mergedId: 2, leftId: 1, rightId: 2 },
  ]);
  expect(decided.writes.newcomers).toMatchObject([{ id: -1, linkedId: 1, joinedId: null }]);
  expect(decided.answers[2]!.view?.values.get('email')).toEqual([LORRAINE, BIFF, MCFLY]);
});

test('people who are the same as somebody in one batch are one, in the order of their dates', () => {
  const { writes } = reconcile(NOTHING_KNOWN, [
    sighting(LORRAINE, null, { createdAt: 300 }),
    { ...sighting(MCFLY, null, { createdAt: 100 }), sameAs: email(LORRAINE) },
    { ...sighting(BIFF, null, { createdAt: 200 }), sameAs: email(LORRAINE) },
  ]);
  expect(writes.newcomers.map(({ linkedId }) => linkedId)).toEqual([-2, null, -2]);
});

test('a rule or a limit keeps somebody apart, and nobody is the same as what is gone', () => {
  const pair = [email(LORRAINE), email(MCFLY)] as const;
  const rule = { id: 7, identifiers: pair, createdAt: 0, actor: 'cli', reason: null };
  const snapshot = {
    ...NOTHING_KNOWN,
    identities: [identity({ ...contact(1, LORRAINE, '123456'), isRuled: true })],
    reserved: [email(MCFLY)],
    rules: new KnownRules([email(LORRAINE), email(MCFLY)], [rule]),
    policy: { ...DEFAULT_POLICY, maxContacts: 2 },
  };
  const decided = reconcile(snapshot, [
    sameAs(sighting(MCFLY, null), LORRAINE),
    sameAs(sighting(BIFF, null), LORRAINE),
    sameAs(sighting('goldie@hillvalley.edu', null), LORRAINE),
    sameAs(sighting('doc@hillvalley.edu', null), GEORGE),
  ]);
  expect([...decided.joinings!.values()]).toEqual(['do-not-link', 'joined', 'limit', 'gone']);
  expect(decided.outcomes).toEqual(['created', 'created', 'created', 'created']);
});

import { lookUp } from '../../../src/identity/domain/lookup.js';
import {
  BIFF,
  NOTHING_KNOWN,
  contact,
  deepFreeze,
  identity,
  LORRAINE,
  MCFLY,
  sighting,
  view,
} from './fixtures.js';

const lorraine = identity(contact(1, LORRAINE, '123456'), contact(2, MCFLY, '123456'));
const biff = identity(contact(3, BIFF, '717171'));

test('an identity is found by any of its identifiers, with the kinds of those that it has', () => {
  const snapshot = { ...NOTHING_KNOWN, identities: [deepFreeze(lorraine)] };
  const shown = view(1, [LORRAINE, MCFLY], ['123456'], [2]);
  expect(lookUp(snapshot, sighting(MCFLY, '123456'))).toEqual([
    { view: shown, matched: ['email', 'phoneNumber'] },
  ]);
  expect(lookUp(snapshot, sighting('typo@hillvalley.edu', '123456'))).toEqual([
    { view: shown, matched: ['phoneNumber'] },
  ]);
});

test('the identity with the strongest identifier comes first', () => {
  const matches = lookUp({ ...NOTHING_KNOWN, identities: [lorraine, biff] }, sighting(BIFF, '123456'));
  expect(matches.map(({ view: { primaryContactId }, matched }) => [primaryContactId, matched])).toEqual([
    [3, ['email']],
    [1, ['phoneNumber']],
  ]);
});

test('what a deleted contact carried alone is not found', () => {
  const rest = identity(contact(1, LORRAINE, '1'), contact(2, MCFLY, '1', { isDeleted: true }));
  expect(lookUp({ ...NOTHING_KNOWN, identities: [rest] }, sighting(MCFLY, null))).toEqual([]);
});

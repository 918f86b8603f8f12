import type { Identity } from '../../../src/identity/domain/contact.js';
import { sightingOf } from '../../support/wire.js';
import { IdentityCache } from '../../../src/identity/store/identity-cache.js';

const GEORGE = sightingOf({ email: 'george@hillvalley.edu', phoneNumber: null });

function identity(primaryId: number, size: number): Identity {
  const rows = Array.from({ length: size }, (_, i) => ({
    id: primaryId + i,
    ...sightingOf({ email: 'george@hillvalley.edu', phoneNumber: String(primaryId * 1000 + i) }),
    createdAt: i,
    version: 1,
    isDeleted: false,
    isRuled: false,
  }));
  return { primaryId, rows };
}

test('a large identity is offered for any of its identifiers, to its own tenant only', () => {
  const cache = new IdentityCache(3, 1_000_000);
  const large = identity(1, 3);
  cache.keep(1, large);
  expect(cache.candidates(1, [GEORGE])).toEqual([large]);
  expect(cache.candidates(1, [sightingOf({ email: null, phoneNumber: '1002' })])).toEqual([large]);
  expect(cache.candidates(1, [sightingOf({ email: null, phoneNumber: '9' })])).toEqual([]);
  expect(cache.candidates(2, [GEORGE])).toEqual([]);
});

test('a small identity is not kept, and with no memory none is', () => {
  const cache = new IdentityCache(3, 1_000_000);
  cache.keep(1, identity(1, 2));
  expect(cache.candidates(1, [GEORGE])).toEqual([]);
  const off = new IdentityCache(1, 0);
  off.keep(1, identity(1, 2));
  expect(off.candidates(1, [GEORGE])).toEqual([]);
});

test('a later state takes the place of an earlier one, and memory is bounded', () => {
  const cache = new IdentityCache(1, 30_000);
  const later = identity(1, 20);
  cache.keep(1, identity(1, 10));
  cache.keep(1, later);
  expect(cache.candidates(1, [GEORGE])).toEqual([later]);
  for (let primaryId = 100; primaryId < 200; primaryId++) {
    cache.keep(1, identity(primaryId, 20));
  }
  expect(cache.candidates(1, [GEORGE]).length).toBeLessThan(5);
});

import { inKeyOrder, pairColumns } from '../../../src/identity/store/identifier-columns.js';
import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';

const email = (value: string) => ({ kind: 'email', value });
const phone = (value: string) => ({ kind: 'phoneNumber', value });

test('identifiers are claimed by kind and then by the bytes of their values, as PostgreSQL compares them with collate "C"', () => {
  // U+FF0E comes after the surrogates of U+1F697 in UTF-16, and before it in UTF-8.
  const ordered = [email('Z'), email('a'), email('ä'), email('．'), email('🚗'), phone('1'), phone('12')];
  expect(inKeyOrder(STANDARD_KINDS, ordered.toReversed())).toEqual(ordered);
});

test('the lower identifier of a pair is the first', () => {
  const pairs = [[phone('1'), email('marty')] as const, [email('🚗'), email('．')] as const];
  expect(pairColumns(STANDARD_KINDS, pairs)).toEqual([
    [0, 0],
    ['marty', '．'],
    [1, 0],
    ['1', '🚗'],
  ]);
});

import { EMAIL, Kinds, PHONE_NUMBER, type IdentifierKind } from '../../../src/identity/domain/kinds.js';
import {
  FURTHER_KINDS_MAX,
  revisePolicy,
  type Revision,
  type WantedKind,
} from '../../../src/identity/domain/revise-policy.js';
import { deepFreeze } from './fixtures.js';

const CUSTOMER_ID: IdentifierKind = {
  ...EMAIL,
  name: 'customerId',
  number: 2,
  normaliser: 'trim',
  priority: 10,
  maxLength: 64,
  onePerIdentity: true,
};

function wanted(name: string, rest: Partial<WantedKind> = {}): WantedKind {
  return {
    name,
    normaliser: undefined,
    maxLength: undefined,
    priority: undefined,
    onePerIdentity: false,
    maxPerIdentity: null,
    isRetired: false,
    ...rest,
  };
}

/** As it is declared. */
const customerId = (rest: Partial<WantedKind> = {}): WantedKind =>
  wanted('customerId', { priority: 10, onePerIdentity: true, ...rest });

const revise = (further: readonly IdentifierKind[], kinds: readonly WantedKind[], maxContacts = 1000) =>
  revisePolicy(
    { maxContacts: 1000, kinds: new Kinds([EMAIL, PHONE_NUMBER, ...further]) },
    deepFreeze({ maxContacts, kinds }),
  );

function revised(...given: Parameters<typeof revise>): Revision {
  const revision = revise(...given);
  if ('mistakes' in revision) {
    throw new Error(JSON.stringify(revision.mistakes));
  }
  return revision;
}

const mistakes = (...given: Parameters<typeof revise>) => {
  const revision = revise(...given);
  return 'mistakes' in revision ? revision.mistakes : null;
};

test('a new kind gets its defaults, and a number that no kind had before', () => {
  const retired = { ...CUSTOMER_ID, number: 7, isRetired: true };
  const { kinds, revisedKinds, tightened, isChange } = revised(
    [retired],
    [customerId({ isRetired: true }), wanted('loyaltyCard'), wanted('username', { normaliser: 'lowercase' })],
  );
  expect(revisedKinds).toEqual([
    {
      name: 'loyaltyCard',
      number: 8,
      normaliser: 'trim',
      maxLength: 254,
      priority: 100,
      onePerIdentity: false,
      maxPerIdentity: null,
      isRetired: false,
    },
    expect.objectContaining({ name: 'username', number: 9, normaliser: 'lowercase' }),
  ]);
  expect(kinds.all.map(({ name }) => name)).toEqual([
    'customerId',
    'email',
    'phoneNumber',
    'loyaltyCard',
    'username',
  ]);
  expect({ tightened, isChange }).toEqual({ tightened: [], isChange: true });
});

test('what is as it was is no change', () => {
  const same = [wanted('phoneNumber', { normaliser: 'phone', maxLength: 16 }), customerId({ maxLength: 64 })];
  expect(revised([CUSTOMER_ID], same)).toMatchObject({ revisedKinds: [], tightened: [], isChange: false });
});

test('a kind that is listed gets the default of what is absent, and keeps its form', () => {
  const { revisedKinds } = revised([CUSTOMER_ID], [wanted('customerId'), wanted('email', { priority: 5 })]);
  expect(revisedKinds).toEqual([
    { ...CUSTOMER_ID, priority: 100, onePerIdentity: false },
    { ...EMAIL, priority: 5 },
  ]);
  expect(revised([CUSTOMER_ID], [customerId(), wanted('email')]).isChange).toBe(false);
});

test('a standard kind that is absent stays as it was changed', () => {
  const kinds = new Kinds([{ ...EMAIL, maxPerIdentity: 3 }, PHONE_NUMBER]);
  expect(revisePolicy({ maxContacts: 1000, kinds }, { maxContacts: 1000, kinds: [] })).toMatchObject({
    isChange: false,
    kinds: { limited: [{ name: 'email', limit: 3 }] },
  });
});

test('a retired kind may be taken up again, and any kind may grow', () => {
  const retired = { ...CUSTOMER_ID, isRetired: true };
  expect(revised([retired], [customerId({ maxLength: 100 })]).revisedKinds).toEqual([
    { ...CUSTOMER_ID, maxLength: 100 },
  ]);
});

test.each<[string, WantedKind, number]>([
  ['one of a kind where there were any number', wanted('email', { onePerIdentity: true }), 1],
  ['a limit where there was none', wanted('email', { maxPerIdentity: 5 }), 5],
  ['the smaller one of two limits', wanted('email', { maxPerIdentity: 5, onePerIdentity: true }), 1],
])('a limit is lowered by %s', (_, kind, max) => {
  expect(revised([CUSTOMER_ID], [customerId(), kind]).tightened).toEqual([{ name: 'email', max }]);
});

test('a lower number of contacts is a lowered limit, and what is raised is none', () => {
  const limited = { ...CUSTOMER_ID, onePerIdentity: false, maxPerIdentity: 2 };
  const raised = customerId({ onePerIdentity: false, maxPerIdentity: 3 });
  expect(revised([limited], [raised], 999).tightened).toEqual([{ name: 'maxContacts', max: 999 }]);
  expect(revised([limited], [raised], Infinity)).toMatchObject({ tightened: [], isChange: true });
  const fewer = customerId({ onePerIdentity: false, maxPerIdentity: 1 });
  expect(revised([limited], [fewer]).tightened).toEqual([{ name: 'customerId', max: 1 }]);
});

test.each<[string, WantedKind[], string, RegExp]>([
  ['two kinds of one name', [customerId(), wanted('x'), wanted('x')], 'kinds[2].name', /^x is listed twice$/],
  ['a standard kind twice', [customerId(), wanted('email'), wanted('email')], 'kinds[2].name', /twice/],
  ['a name of every object', [customerId(), wanted('constructor')], 'kinds[1].name', /another meaning/],
  ['a name of an answer', [customerId(), wanted('maxContacts')], 'kinds[1].name', /another meaning/],
  ['another normaliser', [customerId({ normaliser: 'lowercase' })], 'kinds[0].normaliser', /stays trim/],
  ['a shorter value', [customerId({ maxLength: 63 })], 'kinds[0].maxLength', /at least 64/],
  [
    'another form of phone numbers',
    [customerId(), wanted('phoneNumber', { normaliser: 'trim' })],
    'kinds[1].normaliser',
    /stays phone/,
  ],
  [
    'longer phone numbers',
    [customerId(), wanted('phoneNumber', { maxLength: 20 })],
    'kinds[1].maxLength',
    /stays 16/,
  ],
  ['no emails', [customerId(), wanted('email', { isRetired: true })], 'kinds[1].retired', /can't be retired/],
  ['a kind less', [], 'kinds', /must list customerId: a kind can't be removed; retire it/],
])('is refused: %s', (_, kinds, field, message) => {
  expect(mistakes([CUSTOMER_ID], kinds)).toEqual([{ field, message: expect.stringMatching(message) }]);
});

test('there are at most 16 further kinds, retired ones included', () => {
  const many = Array.from({ length: FURTHER_KINDS_MAX - 1 }, (_, i) => wanted(`k${i}`));
  const retired = { ...CUSTOMER_ID, isRetired: true };
  const kept = customerId({ isRetired: true });
  expect(mistakes([retired], [kept, ...many])).toBeNull();
  expect(mistakes([retired], [kept, ...many, wanted('email'), wanted('more')])).toEqual([
    { field: 'kinds', message: expect.stringMatching(/at most 16/) },
  ]);
});

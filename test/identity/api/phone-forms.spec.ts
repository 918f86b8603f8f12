import pg from 'pg';
import { importText, tally } from '../../transfer/import/import-text.js';
import type { Reply } from '../../support/client.js';
import { ageErasures, placesOf } from '../../support/erased.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { storedRows, violations } from '../../support/invariants.js';
import { untilLocked } from '../../support/until.js';
import type { ShownIdentity } from '../../support/wire.js';

const LORRAINE = 'lorraine@hillvalley.edu';
const GEORGE = 'george@hillvalley.edu';
const REASON = 'Two forms of one number';
/** Both forms of a mobile number of each country: that of today first. */
const FORMS = [
  ['+525512345678', '+5215512345678'],
  ['+5491123456789', '+541123456789'],
  ['+5511987654321', '+551187654321'],
] as const;
const [MX, MX_1] = FORMS[0];

const database = useDatabase();
const app = useApp(() => ({
  DATABASE_URL: database.url,
  ERASURE_KEY: 'a key that only these tests ever use',
}));
/** Like a build from before: both forms are two numbers. */
const before = useApp(() => ({ DATABASE_URL: database.url, PHONE_FORMS: 'apart' }));

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

interface Identified {
  readonly contact: ShownIdentity;
  readonly ignored?: unknown;
}
interface Changed {
  readonly changed: boolean;
  readonly mergeIds: readonly number[];
  readonly identities: readonly { readonly contact: ShownIdentity }[];
  readonly rules: readonly { readonly id: number; readonly identifiers: readonly unknown[] }[];
}

const post = <T = Identified>(path: string, body: object): Promise<Reply<T>> =>
  app.client.send<T>('POST', path, body);
const identify = (email: string | null, phoneNumber: string): Promise<Reply<Identified>> =>
  post('/identify', { email, phoneNumber });
const change = (path: string, body: object = {}): Promise<Reply<Changed>> =>
  post(path, { reason: REASON, ...body });
const phone = (value: string): object => ({ kind: 'phoneNumber', value });
const email = (value: string): object => ({ kind: 'email', value });
const lookUp = async (phoneNumber: string): Promise<number[]> =>
  (await post<{ identities: Identified[] }>('/lookup', { phoneNumber })).body.identities.map(
    ({ contact }) => contact.primaryContactId,
  );

test.each(FORMS.flatMap(([one, other]) => [[one, other] as const, [other, one] as const]))(
  'who gave %s is found by %s, and nothing is written',
  async (first, second) => {
    await app.client.identify({ email: LORRAINE, phoneNumber: first });
    const stored = await storedRows(database);
    for (const sighting of [{ phoneNumber: second }, { email: LORRAINE, phoneNumber: second }]) {
      expect(await app.client.identify(sighting)).toEqual({
        primaryContactId: 1,
        emails: [LORRAINE],
        phoneNumbers: [first],
        secondaryContactIds: [],
      });
    }
    expect(await storedRows(database)).toEqual(stored);
    expect(await lookUp(second)).toEqual([1]);
    for (const prefix of [second, second.slice(0, 8)]) {
      const { body } = await post<{ identities: Identified[] }>('/search', { prefix });
      expect(body.identities).toMatchObject([{ contact: { primaryContactId: 1 } }]);
    }
    const grown = await app.client.identify({ email: GEORGE, phoneNumber: second });
    expect(grown).toMatchObject({ emails: [LORRAINE, GEORGE], phoneNumbers: [first, second] });
  },
);

test('a person that is dry run or imported is found by the other form too', async () => {
  await app.client.identify({ email: LORRAINE, phoneNumber: MX });
  const dry = await post<{ outcome: string }>('/identify?dryRun=true', { phoneNumber: MX_1 });
  expect(dry.body.outcome).toBe('unchanged');
  const rows = [
    'email,phone',
    `,${MX_1}`,
    `${GEORGE},${MX_1}`,
    ',+551187654321',
    'biff@hillvalley.edu,+5511987654321',
  ];
  for (const isDryRun of [true, false]) {
    const { tally: counted } = await importText(database, rows.join('\n'), { isDryRun });
    expect(counted).toEqual(tally({ unchanged: 1, linked: 2, created: 1 }));
  }
});

test('two who have one form each from before become one when either is seen', async () => {
  for (const seen of FORMS[0]) {
    await database.clear();
    await before.client.identify({ email: LORRAINE, phoneNumber: MX });
    await before.client.identify({ email: GEORGE, phoneNumber: MX_1 });
    expect(await lookUp(seen)).toHaveLength(2);
    expect(await app.client.identify({ phoneNumber: seen })).toEqual({
      primaryContactId: 1,
      emails: [LORRAINE, GEORGE],
      phoneNumbers: [MX, MX_1],
      secondaryContactIds: [2],
    });
  }
});

test('the setting makes two numbers of both forms, also where they were one', async () => {
  await app.client.identify({ email: LORRAINE, phoneNumber: MX });
  expect(await before.client.identify({ phoneNumber: MX_1 })).toMatchObject({ primaryContactId: 2 });
  expect(await app.client.identify({ phoneNumber: MX })).toMatchObject({ secondaryContactIds: [2] });
  expect(await before.client.identify({ email: GEORGE, phoneNumber: MX_1 })).toMatchObject({
    primaryContactId: 1,
    phoneNumbers: [MX, MX_1],
  });
});

test('a deleted number is free in both forms', async () => {
  await app.client.identify({ phoneNumber: MX });
  expect(await app.client.delete(1)).toBe(204);
  expect(await app.client.identify({ phoneNumber: MX_1 })).toMatchObject({ primaryContactId: 2 });
  expect(await app.client.identify({ phoneNumber: MX })).toMatchObject({ primaryContactId: 2 });
});

test('an undone merge of both forms stays undone, because a rule tells them apart', async () => {
  await before.client.identify({ email: LORRAINE, phoneNumber: MX });
  await before.client.identify({ email: GEORGE, phoneNumber: MX_1 });
  await app.client.identify({ phoneNumber: MX_1 });
  const [merge] = await database.query<{ id: string }>('select id from identity_merge');
  const { body } = await change(`/merges/${merge!.id}/undo`);
  expect(body.rules.map(({ identifiers }) => identifiers)).toEqual([[phone(MX_1), phone(MX)]]);
  expect(await app.client.identify({ phoneNumber: MX })).toMatchObject({
    primaryContactId: 1,
    secondaryContactIds: [],
  });
  expect(await app.client.identify({ phoneNumber: MX_1 })).toMatchObject({
    primaryContactId: 2,
    secondaryContactIds: [],
  });
  await app.client.send('DELETE', `/rules/${body.rules[0]!.id}`);
  expect(await app.client.identify({ phoneNumber: MX })).toMatchObject({ secondaryContactIds: [2] });
});

test('an undone merge stays undone if somebody else has taken its number in the other form', async () => {
  await app.client.identify({ email: LORRAINE, phoneNumber: MX_1 });
  await app.client.identify({ email: GEORGE, phoneNumber: '919191' });
  await app.client.identify({ email: GEORGE, phoneNumber: MX_1 });
  await app.client.identify({ email: LORRAINE, phoneNumber: '1' });
  await app.client.delete(1);
  const taken = await app.client.identify({ phoneNumber: MX });
  const [merge] = await database.query<{ id: string }>('select id from identity_merge');
  const { body } = await change(`/merges/${merge!.id}/undo`);
  expect(body.rules.map(({ identifiers }) => identifiers)).toEqual([[email(GEORGE), phone(MX)]]);
  for (const number of [MX, MX_1]) {
    expect((await identify(GEORGE, number)).body).toMatchObject({
      contact: { emails: [GEORGE] },
      ignored: [{ field: 'phoneNumber', reason: 'do-not-link' }],
    });
  }
  expect(await app.client.find(taken.primaryContactId)).toEqual(taken);
});

test('a link by a review ends a rule that names a number in its other form', async () => {
  await change('/rules', { identifiers: [phone('919191'), phone(MX_1)] });
  await app.client.identify({ email: GEORGE, phoneNumber: MX });
  const { body } = await identify(GEORGE, '919191');
  expect(body.ignored).toMatchObject([{ reason: 'do-not-link', reviewId: expect.any(Number) }]);
  const [{ reviewId }] = body.ignored as [{ reviewId: number }];
  const linked = await change(`/reviews/${reviewId}`, { decision: 'link' });
  expect(linked.body.identities[0]!.contact.phoneNumbers).toEqual([MX, '919191']);
  const { body: left } = await app.client.send<{ rules: unknown[] }>('GET', '/rules');
  expect(left.rules).toEqual([]);
});

test('a split takes a number out in both forms', async () => {
  await app.client.identify({ email: LORRAINE, phoneNumber: MX });
  await app.client.identify({ email: GEORGE, phoneNumber: MX_1 });
  await app.client.identify({ email: LORRAINE, phoneNumber: '919191' });
  const { body } = await change('/splits', { contactId: 1, identifiers: [phone(MX_1), email(GEORGE)] });
  expect(body.identities.map(({ contact }) => contact.phoneNumbers)).toEqual([['919191'], [MX_1, MX]]);
  expect((await identify(null, MX)).body.contact.emails).toEqual([GEORGE]);
  expect((await identify(LORRAINE, MX)).body).toMatchObject({ ignored: [{ reason: 'do-not-link' }] });
});

test('a split keeps apart what came together in the other form', async () => {
  await app.client.identify({ email: LORRAINE, phoneNumber: MX });
  await app.client.identify({ email: GEORGE });
  await app.client.identify({ email: GEORGE, phoneNumber: MX_1 });
  const { body } = await change('/splits', { contactId: 1, contactIds: [2] });
  expect(body.rules.map(({ identifiers }) => identifiers)).toEqual([[email(GEORGE), phone(MX)]]);
  for (const number of [MX, MX_1]) {
    expect((await identify(GEORGE, number)).body).toMatchObject({ ignored: [{ reason: 'do-not-link' }] });
  }
});

test('a rule holds for both forms, whoever brings which', async () => {
  await app.client.identify({ email: LORRAINE, phoneNumber: MX });
  const held = await change('/rules', { identifiers: [phone(MX_1), email(GEORGE)] });
  expect([held.status, held.body.rules[0]!.identifiers]).toEqual([201, [phone(MX), email(GEORGE)]]);
  const again = await change('/rules', { identifiers: [email(GEORGE), phone(MX)] });
  expect(again.body.changed).toBe(false);
  const free = await change('/rules', { identifiers: [phone(FORMS[2][0]), email(GEORGE)] });
  expect(free.status).toBe(201);
  for (const number of [MX, MX_1, ...FORMS[2]]) {
    expect((await identify(GEORGE, number)).body).toMatchObject({
      contact: { emails: [GEORGE], phoneNumbers: [] },
      ignored: [{ field: 'phoneNumber', reason: 'do-not-link' }],
    });
  }
  expect((await change('/rules', { identifiers: [phone(MX_1), email(LORRAINE)] })).status).toBe(409);
});

test('a rule about the form that nobody has ends with a merge by force, and that form is free again', async () => {
  await change('/rules', { identifiers: [phone(MX_1), email(GEORGE)] });
  await change('/rules', { identifiers: [phone(FORMS[1][1]), email(GEORGE)] });
  await change('/rules', { identifiers: [phone(FORMS[1][1]), email('biff@hillvalley.edu')] });
  await app.client.identify({ email: LORRAINE, phoneNumber: MX });
  await app.client.identify({ email: LORRAINE, phoneNumber: FORMS[1][0] });
  await app.client.identify({ email: GEORGE });
  expect((await change('/merges', { contactIds: [1, 3] })).status).toBe(409);
  expect((await change('/merges', { contactIds: [1, 3], force: true })).status).toBe(200);
  const reserved = await database.query('select value from identifier where contact_id is null order by 1');
  expect(reserved).toEqual([{ value: FORMS[1][1] }, { value: 'biff@hillvalley.edu' }]);
});

test('it stays reserved if somebody makes another rule about it meanwhile', async () => {
  await change('/rules', { identifiers: [phone(MX_1), email(GEORGE)] });
  const [rule] = await database.query<{ change_id: number }>('select change_id from do_not_link limit 1');
  await app.client.identify({ email: LORRAINE, phoneNumber: MX });
  await app.client.identify({ email: GEORGE });
  const other = new pg.Client(database.adminUrl);
  await other.connect();
  try {
    await other.query('begin');
    await other.query(`select from identifier where tenant_id = 1 and value = '${MX_1}' for no key update`);
    await other.query(`insert into identifier (tenant_id, kind, value) values (1, 0, 'biff@hillvalley.edu')`);
    const sides = `
      (1, 100, 1, '${MX_1}', 0, 'biff@hillvalley.edu', null, $1, now()),
      (1, 100, 0, 'biff@hillvalley.edu', 1, '${MX_1}', true, $1, now())`;
    await other.query(
      `insert into do_not_link (tenant_id, rule_id, kind, value, other_kind, other_value, is_reverse, change_id, created_at)
       values ${sides}`,
      [rule!.change_id],
    );
    const merged = change('/merges', { contactIds: [1, 2], force: true });
    await untilLocked(database);
    await other.query('commit');
    expect((await merged).status).toBe(200);
  } finally {
    await other.end();
  }
  const reserved = await database.query('select value from identifier where contact_id is null order by 1');
  expect(reserved).toEqual([{ value: MX_1 }, { value: 'biff@hillvalley.edu' }]);
});

test('an erasure of one form erases both, and refuses both', async () => {
  const [one, other] = FORMS[1];
  await app.client.identify({ email: LORRAINE, phoneNumber: one });
  await app.client.identify({ email: GEORGE, phoneNumber: other });
  const { body: told } = await post<{ contacts: unknown[] }>('/subject-access', { identifier: phone(other) });
  expect(told.contacts).toHaveLength(2);
  const { status, body } = await post<{ erasureId: number }>('/erasures', {
    identifier: phone(other),
    scope: 'identifier',
    blockedForDays: 1,
    reason: REASON,
  });
  expect(status).toBe(202);
  await ageErasures(database);
  await app.client.send('GET', `/erasures/${body.erasureId}`);
  expect(await placesOf(database, [one, other])).toEqual([]);
  for (const form of [one, other]) {
    expect((await identify(null, form)).status).toBe(422);
  }
});

test('an erasure of a person names the number in the form that nobody gave, too', async () => {
  const [one, other] = FORMS[2];
  await app.client.identify({ email: LORRAINE, phoneNumber: one });
  const { status } = await post('/erasures', {
    identifier: phone(other),
    scope: 'identity',
    blockedForDays: 1,
    reason: REASON,
  });
  expect(status).toBe(202);
  for (const sighting of [{ phoneNumber: one }, { phoneNumber: other }, { email: LORRAINE }]) {
    expect((await post('/identify', sighting)).status).toBe(422);
  }
});

// The last one, because what is blocked stays so.
test('a blocked number is taken out, and left out, in both forms', async () => {
  const [one, other] = ['+523312345678', '+5213312345678'];
  await app.client.identify({ email: LORRAINE, phoneNumber: one });
  await app.client.identify({ email: GEORGE, phoneNumber: other });
  const { status } = await change('/blocked-values', {
    kind: 'phoneNumber',
    pattern: other,
    existing: 'split',
  });
  expect(status).toBe(201);
  for (const form of [one, other]) {
    expect((await identify(LORRAINE, form)).body).toMatchObject({
      contact: { emails: [LORRAINE], phoneNumbers: [] },
      ignored: [{ field: 'phoneNumber', reason: 'blocked' }],
    });
  }
});

import { READ_MAX } from '../../../src/identity/store/change-records.js';
import type { Reply } from '../../support/client.js';
import { use, useApp, useDatabase } from '../../support/hooks.js';
import { administerKeys } from '../../support/keys.js';

interface Change {
  readonly id: number;
  readonly at: string;
  readonly kind: string;
  readonly actor: string;
  readonly reason: string | null;
  readonly contactIds: readonly number[];
  readonly contacts: number;
  readonly mergeIds: readonly number[];
  readonly keyIds: readonly string[];
}
interface Listed {
  readonly changes: readonly Change[];
  readonly next: string | null;
}

const REASON = 'They are two customers';

const database = useDatabase();
const keys = use(
  () => administerKeys(database.url),
  (administration) => administration.close(),
);
const app = useApp(() => ({
  DATABASE_URL: database.url,
  AUTH_MODE: 'api-key',
  ERASURE_KEY: 'a key that only the tests of changes use',
}));
let steward: string;
let admin: string;

beforeAll(async () => {
  steward = await keys.make({ name: 'steward' });
  admin = await keys.make({ name: 'admin', scopes: ['admin'] });
});

beforeEach(() => database.clear());

function send<T>(key: string, method: string, path: string, body?: unknown): Promise<Reply<T>> {
  return app.client.send<T>(method, path, body, { 'x-api-key': key });
}

async function list(query = '', key = steward): Promise<Listed> {
  const { status, body } = await send<Listed>(key, 'GET', `/changes${query}`);
  expect(status).toBe(200);
  return body;
}

const idsOf = ({ changes }: Listed): number[] => changes.map(({ id }) => id);

/** Lorraine and George, merged by hand, and taken apart again. */
async function mergeAndUndo(): Promise<{ lorraine: number; george: number; mergeId: number }> {
  const identify = (email: string) => app.client.identify({ email }, { 'x-api-key': steward });
  const { primaryContactId: lorraine } = await identify('lorraine@hillvalley.edu');
  const { primaryContactId: george } = await identify('george@hillvalley.edu');
  const contactIds = [lorraine, george];
  const { body } = await send<{ mergeIds: [number] }>(steward, 'POST', '/merges', {
    contactIds,
    reason: 'One customer',
  });
  const [mergeId] = body.mergeIds;
  await send(steward, 'POST', `/merges/${mergeId}/undo`, { reason: REASON });
  return { lorraine, george, mergeId };
}

test('changes are listed with who made them and why, the latest first, and nothing that changed nothing', async () => {
  const { lorraine, george, mergeId } = await mergeAndUndo();
  // recorded for the sake of the key alone
  await app.client.send(
    'POST',
    `/merges/${mergeId}/undo`,
    { reason: 'Again' },
    { 'x-api-key': steward, 'idempotency-key': 'again' },
  );
  const { changes, next } = await list();
  const actor = expect.stringMatching(/^[a-z0-9]{12} steward$/);
  const common = { actor, contactIds: [lorraine, george], contacts: 2, keyIds: [], at: expect.any(String) };
  expect(changes).toEqual([
    { ...common, id: expect.any(Number), kind: 'undo', reason: REASON, mergeIds: [] },
    { ...common, id: expect.any(Number), kind: 'merge', reason: 'One customer', mergeIds: [mergeId] },
  ]);
  expect(next).toBeNull();
});

test('pages have each change once, in order, also those of one moment', async () => {
  await database.query(`insert into change (tenant_id, id, kind, at, actor, is_changed, contact_ids)
    select 1, i, 'rule', now() - (i / 3) * interval '1 s', 'cli', true, '{}' from generate_series(1, 10) i`);
  const all = idsOf(await list());
  expect(all.slice(0, 3)).toEqual([2, 1, 5]);
  const paged: number[] = [];
  for (let next: string | null = ''; next !== null;) {
    const page: Listed = await list(`?limit=4${next && `&after=${next}`}`);
    paged.push(...idsOf(page));
    next = page.next;
  }
  expect(paged).toEqual(all);
});

test('they can be asked for by kind, actor, contact and time', async () => {
  const { george } = await mergeAndUndo();
  const body = { maxContacts: 5, reason: 'Small people' };
  await app.client.send('PUT', '/policy', body, { 'x-api-key': admin, 'if-match': '*' });
  const [policy, undone, merged] = (await list()).changes;
  expect([policy, undone, merged].map((change) => change?.kind)).toEqual(['policy', 'undo', 'merge']);
  const found = async (query: string): Promise<unknown> => (await list(query)).changes;
  expect(await found('?kind=merge')).toEqual([merged]);
  expect(await found(`?actor=${encodeURIComponent(policy!.actor)}`)).toEqual([policy]);
  expect(await found(`?actor=${policy!.actor.split(' ')[0]}`)).toEqual([policy]);
  expect(await found('?actor=admin')).toEqual([]);
  expect(await found(`?contactId=${george}`)).toEqual([undone, merged]);
  expect(await found(`?contactId=${george}&kind=policy`)).toEqual([]);
  // from a moment on, and before one
  expect(await found(`?from=${undone!.at}`)).toEqual([policy, undone]);
  expect(await found(`?to=${undone!.at}`)).toEqual([merged]);
  expect(await found(`?from=${merged!.at}&to=${policy!.at}&limit=1`)).toEqual([undone]);
});

test('a page reads so many changes at most, and says where to go on', async () => {
  await database.query(`insert into change (tenant_id, id, kind, at, actor, is_changed, contact_ids)
    select 1, i, case i when 1 then 'block' else 'rule' end, now() + i * interval '1 ms', 'cli', true, '{}'
    from generate_series(1, ${READ_MAX + 1}) i`);
  const first = await list('?kind=block');
  expect(first).toEqual({ changes: [], next: expect.any(String) });
  expect(idsOf(await list(`?kind=block&after=${first.next}`))).toEqual([1]);
});

test('of a change that names many contacts, some are told, and how many there are', async () => {
  await database.query(`insert into change (tenant_id, id, kind, at, actor, is_changed, contact_ids)
    select 1, 1, 'erasure', now(), 'cli', true, array(select generate_series(1, 20000))`);
  const [change] = (await list('?contactId=19999')).changes;
  expect(change).toMatchObject({ contacts: 20_000, contactIds: { length: 100 } });
});

test('what an erasure has forgotten stays forgotten', async () => {
  const { lorraine } = await mergeAndUndo();
  const erasure = { contactId: lorraine, scope: 'identity', reason: 'Asked for by letter' };
  expect((await send(admin, 'POST', '/erasures', erasure)).status).toBe(202);
  const { changes } = await list();
  expect(changes.map(({ kind, reason }) => [kind, reason])).toEqual([
    ['erasure', 'Asked for by letter'],
    ['undo', null],
    ['merge', null],
  ]);
  expect(JSON.stringify(changes)).not.toMatch(/customer|lorraine/);
});

test('no tenant sees the changes of another', async () => {
  await mergeAndUndo();
  await keys.createTenant('hill-valley');
  expect(await list('', await keys.make({ tenant: 'hill-valley' }))).toEqual({ changes: [], next: null });
});

test.each([
  ['kind=merged', 'kind'],
  ['kind=merge&kind=undo', 'kind'],
  ['actor=', 'actor'],
  ['actor=%00', 'actor'],
  [`actor=${'x'.repeat(201)}`, 'actor'],
  ['contactId=0', 'contactId'],
  ['contactId=x', 'contactId'],
  ['from=yesterday', 'from'],
  ['to=2026-11-25', 'to'],
  ['after=x', 'after'],
  ['limit=0', 'limit'],
  ['limit=201', 'limit'],
])('what is not valid is named: %s', async (query, field) => {
  expect(await send(steward, 'GET', `/changes?${query}`)).toMatchObject({
    status: 400,
    body: { type: 'urn:problem:invalid-request', errors: [{ field }] },
  });
});

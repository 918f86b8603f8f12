import { useApp, useDatabase } from '../../support/hooks.js';
import { addLargeIdentity } from '../../support/large-identity.js';
import type { ShownIdentity } from '../../support/wire.js';

const SIZE = 2_345;
const MERGES = 234;

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

let primaryId: number;
let phoneNumber: string;
let contact: ShownIdentity;

/** Each contact attached to the one with half its number; every tenth was merged with it instead. */
beforeAll(async () => {
  await app.client.identify({ email: 'biff@hillvalley.edu' });
  ({ primaryId, phoneNumber } = await addLargeIdentity(database, SIZE));
  await database.query(
    `update contact set joined_id = $1 + (id - $1) / 2 where linked_id = $1 and (id - $1) % 10 > 0`,
    [primaryId],
  );
  await database.query(
    `insert into identity_merge (tenant_id, id, survivor_id, merged_id, left_contact_id, right_contact_id, cause, email,
        created_at)
      select 1, nextval('identity_merge_id_seq'), $1, id, $1 + (id - $1) / 2, id, 'sighting', email, created_at
      from contact where linked_id = $1 and (id - $1) % 10 = 0 order by id`,
    [primaryId],
  );
  await database.query('update contact set deleted_at = now() where id = $1', [primaryId + 7]);
  contact = (await app.client.find(primaryId))!;
});

async function get<T>(path: string): Promise<T> {
  const reply = await app.client.send<T>('GET', path);
  expect([path, reply.status]).toEqual([path, 200]);
  expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
  return reply.body;
}

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly type: string;
}

const parentOf = (id: number): number => primaryId + Math.floor((id - primaryId) / 2);

test('the evidence of a large identity is whole', async () => {
  const { contacts, edges } = await get<{ contacts: { id: number }[]; edges: Edge[] }>(
    `/contacts/${primaryId + 9}/evidence`,
  );
  expect(contacts.map(({ id }) => id)).toEqual(Array.from({ length: SIZE }, (_, i) => primaryId + i));
  expect(contacts[7]).toMatchObject({ email: 'strickland8@hillvalley.edu', deletedAt: expect.any(String) });
  expect(edges).toHaveLength(SIZE - 1);
  expect(edges.filter(({ type }) => type === 'merge')).toHaveLength(MERGES);
  expect(edges.toSorted((a, b) => a.to - b.to).map(({ from, to }) => [from, to])).toEqual(
    Array.from({ length: SIZE - 1 }, (_, i) => [parentOf(primaryId + i + 1), primaryId + i + 1]),
  );
});

test('a path through a large identity is found', async () => {
  const last = primaryId + SIZE - 1;
  const { path } = await get<{ path: Edge[] }>(`/contacts/${primaryId}/evidence?to=${last}`);
  const expected: number[] = [];
  for (let at = last; at !== primaryId; at = parentOf(at)) {
    expected.unshift(at);
  }
  expect(path.map(({ to }) => to)).toEqual(expected);
});

test('two identities of which one is large are not connected', async () => {
  expect(await get(`/contacts/${primaryId + 1}/evidence?to=1`)).toEqual({
    connected: false,
    rules: [],
    undoneMerges: [],
  });
});

test.each([
  ['history', `/contacts/ID/history?`, 'events', SIZE + MERGES + 1],
  ['merges', '/merges?contactId=ID', 'merges', MERGES],
])('the pages of its %s have all, each once', async (_, path, plural, count) => {
  const seen = new Set<string>();
  for (let after: string | null = ''; after !== null;) {
    const cursor: string = after && `&after=${encodeURIComponent(after)}`;
    const page = await get<{ next: string | null }>(
      `${path.replace('ID', String(primaryId + 3))}&limit=200${cursor}`,
    );
    (page as unknown as Record<string, object[]>)[plural]!.forEach((item) => seen.add(JSON.stringify(item)));
    after = page.next;
  }
  expect(seen.size).toBe(count);
});

test('its past and its rules are told', async () => {
  expect(await get(`/contacts/${primaryId}?at=2200-01-01T00:00:00Z`)).toEqual({ contact });
  const identifiers = [
    { kind: 'phoneNumber', value: phoneNumber },
    { kind: 'email', value: 'biff@hillvalley.edu' },
  ];
  await app.client.send('POST', '/rules', { identifiers, reason: 'Two customers' });
  const { rules } = await get<{ rules: unknown[] }>(`/rules?contactId=${primaryId + 1}`);
  expect(rules).toMatchObject([{ identifiers }]);
});

test('a look-up shows it whole, beside a small one', async () => {
  const biff = (await app.client.find(1))!;
  expect(
    await app.client.send('POST', '/lookup', { email: 'biff@hillvalley.edu', phoneNumber }),
  ).toMatchObject({
    status: 200,
    body: {
      identities: [
        { contact: biff, matched: ['email'] },
        { contact, matched: ['phoneNumber'] },
      ],
    },
  });
});

test.each(['/contacts/ID/evidence', '/contacts/ID/history', '/merges?contactId=ID', '/rules?contactId=ID'])(
  'a contact that never was is not found: %s',
  async (path) => {
    expect((await app.client.send('GET', path.replace('ID', '999999'))).status).toBe(404);
  },
);

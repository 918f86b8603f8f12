import { useApp, useDatabase } from '../../support/hooks.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

const A_MOMENT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const email = (name: string): { kind: string; value: string } => ({
  kind: 'email',
  value: `${name}@hillvalley.edu`,
});
const phone = (value: string): { kind: string; value: string } => ({ kind: 'phoneNumber', value });

/** Lorraine is 1 and 2, George 3 and 4, which a sighting merged; Biff is 5 alone. */
beforeEach(async () => {
  await database.clear();
  await database.query('alter sequence identity_merge_id_seq restart');
  for (const [name, phoneNumber] of [
    ['lorraine', '1'],
    ['lorraine', '2'],
    ['george', '3'],
    ['mcfly', '3'],
    ['biff', '5'],
    ['george', '2'],
  ]) {
    await app.client.identify({ email: `${name}@hillvalley.edu`, phoneNumber });
  }
});

async function get(path: string): Promise<unknown> {
  const reply = await app.client.send('GET', path);
  expect([path, reply.status]).toEqual([path, 200]);
  return reply.body;
}

/** Undoes the merge by hand of the tester: what an undo writes. */
async function undo(): Promise<void> {
  await database.query(`insert into change (tenant_id, id, kind, at, actor, reason, is_changed, contact_ids)
    values (1, 12, 'undo', '2030-01-01T00:00:00.000001Z', 'doc', 'Two people', true, '{1,3}')`);
  await database.query(`update identity_merge set undone_by = 12`);
  await database.query(`update contact set linked_id = null, link_precedence = 'primary' where id = 3`);
  await database.query(`update contact set linked_id = 3 where id = 4`);
}

const MERGE = {
  id: 1,
  at: A_MOMENT,
  survivorId: 1,
  mergedId: 3,
  cause: 'sighting',
  identifiers: [email('george'), phone('2')],
  undone: null,
};
const MERGE_EDGE = {
  type: 'merge',
  identifiers: [email('george'), phone('2')],
  at: A_MOMENT,
  mergeId: 1,
  cause: 'sighting',
};
const contact = (id: number, name: string, phoneNumber: string): object => ({
  id,
  email: `${name}@hillvalley.edu`,
  phoneNumber,
  createdAt: A_MOMENT,
  deletedAt: null,
});

test('the evidence of an identity has its contacts and the edges between them', async () => {
  expect(await get('/contacts/4/evidence')).toEqual({
    contacts: [
      contact(1, 'lorraine', '1'),
      contact(2, 'lorraine', '2'),
      contact(3, 'george', '3'),
      contact(4, 'mcfly', '3'),
    ],
    edges: [
      { from: 1, to: 2, type: 'shared', identifiers: [email('lorraine')], at: A_MOMENT },
      { from: 3, to: 4, type: 'shared', identifiers: [phone('3')], at: A_MOMENT },
      { ...MERGE_EDGE, from: 3, to: 2 },
    ],
  });
});

test('with another contact of the identity it is the path between the two', async () => {
  expect(await get('/contacts/1/evidence?to=4')).toEqual({
    connected: true,
    path: [
      { from: 1, to: 2, type: 'shared', identifiers: [email('lorraine')], at: A_MOMENT },
      { ...MERGE_EDGE, from: 2, to: 3 },
      { from: 3, to: 4, type: 'shared', identifiers: [phone('3')], at: A_MOMENT },
    ],
    contacts: [
      contact(1, 'lorraine', '1'),
      contact(2, 'lorraine', '2'),
      contact(3, 'george', '3'),
      contact(4, 'mcfly', '3'),
    ],
  });
  expect(await get('/contacts/1/evidence?to=1')).toMatchObject({ connected: true, path: [] });
});

test('with a contact of another identity it is what keeps the two apart', async () => {
  expect(await get('/contacts/1/evidence?to=5')).toEqual({ connected: false, rules: [], undoneMerges: [] });
  await undo();
  expect(await get('/contacts/1/evidence?to=4')).toEqual({
    connected: false,
    rules: [],
    undoneMerges: [{ ...MERGE, undone: { at: '2030-01-01T00:00:00.000001Z', changeId: 12 } }],
  });
});

test('a deleted contact stays in the evidence and the history, and may be asked for', async () => {
  expect(await app.client.delete(2)).toBe(204);
  const evidence = (await get('/contacts/2/evidence')) as { contacts: object[]; edges: object[] };
  expect(evidence.contacts[1]).toEqual({ ...contact(2, 'lorraine', '2'), deletedAt: A_MOMENT });
  expect(evidence.edges).toHaveLength(3);
  expect(await get('/contacts/2/history?limit=1')).toMatchObject({ events: [{ type: 'created' }] });
  expect(await get('/merges?contactId=2')).toMatchObject({ merges: [{ id: 1 }] });
});

test('evidence that was worked out later is marked', async () => {
  await database.query(`update contact set joined_id = null where id = 2`);
  await database.query(`update contact set joined_assumed = true where id = 4`);
  await database.query(`update identity_merge set ends_assumed = true`);
  expect(await get('/contacts/1/evidence')).toMatchObject({
    edges: [
      { from: 1, to: 2, assumed: true },
      { from: 3, to: 4, assumed: true },
      { from: 3, to: 2, assumed: true },
    ],
  });
  expect(await get('/merges?contactId=1')).toMatchObject({ merges: [{ id: 1, assumed: true }] });
});

test('the history of an identity tells what happened to it, the oldest first', async () => {
  await app.client.delete(4);
  const events = [
    { at: A_MOMENT, type: 'created', contactIds: [1] },
    { at: A_MOMENT, type: 'linked', contactIds: [2, 1] },
    { at: A_MOMENT, type: 'created', contactIds: [3] },
    { at: A_MOMENT, type: 'linked', contactIds: [4, 3] },
    { at: A_MOMENT, type: 'merged', contactIds: [1, 3], mergeId: 1 },
    { at: A_MOMENT, type: 'contact-deleted', contactIds: [4] },
  ];
  expect(await get('/contacts/3/history')).toEqual({ events, next: null });

  const told: object[] = [];
  for (let next: string | null = ''; next !== null;) {
    const page = (await get(
      `/contacts/3/history?limit=2${next && `&after=${encodeURIComponent(next)}`}`,
    )) as { events: object[]; next: string | null };
    expect(page.events).toHaveLength(2);
    told.push(...page.events);
    next = page.next;
  }
  expect(told).toEqual(events);
});

test('the history names who changed something by hand, and why', async () => {
  await undo();
  const undone = {
    at: '2030-01-01T00:00:00.000001Z',
    type: 'merge-undone',
    contactIds: [1, 3],
    mergeId: 1,
    changeId: 12,
    actor: 'doc',
    reason: 'Two people',
  };
  for (const id of [1, 4]) {
    expect(await get(`/contacts/${id}/history`)).toMatchObject({
      events: [{ type: 'created' }, { type: 'linked' }, { type: 'merged' }, undone],
    });
  }
});

test('merges are listed for the identity of a contact, an undone one on both sides', async () => {
  expect(await get('/merges?contactId=2')).toEqual({ merges: [MERGE], next: null });
  expect(await get('/merges?contactId=5')).toEqual({ merges: [], next: null });
  await undo();
  const undone = { ...MERGE, undone: { at: '2030-01-01T00:00:00.000001Z', changeId: 12 } };
  for (const id of [1, 2, 3, 4]) {
    expect(await get(`/merges?contactId=${id}`)).toEqual({ merges: [undone], next: null });
  }
});

test('merges come in pages', async () => {
  await app.client.identify({ email: 'biff@hillvalley.edu', phoneNumber: '1' });
  await app.client.identify({ email: 'doc@hillvalley.edu' });
  await app.client.identify({ email: 'doc@hillvalley.edu', phoneNumber: '1' });
  await app.client.identify({ email: 'goldie@hillvalley.edu' });
  await app.client.identify({ email: 'goldie@hillvalley.edu', phoneNumber: '5' });
  expect(await get('/merges?contactId=1&limit=2')).toMatchObject({
    merges: [{ id: 1 }, { id: 2 }],
    next: '2',
  });
  expect(await get('/merges?contactId=1&limit=1&after=2')).toMatchObject({ merges: [{ id: 3 }] });
  expect(await get('/merges?contactId=1&after=9')).toEqual({ merges: [], next: null });
});

test.each([
  '/contacts/99/evidence',
  '/contacts/99/evidence?to=1',
  '/contacts/1/evidence?to=99',
  '/contacts/99/history',
  '/merges?contactId=99',
])('a contact that never was is not found: %s', async (path) => {
  expect(await app.client.send('GET', path)).toMatchObject({
    status: 404,
    body: { type: 'urn:problem:contact-not-found', detail: 'There is no contact 99.' },
  });
});

test.each([
  ['/contacts/x/evidence', 'id'],
  ['/contacts/1/evidence?to=0', 'to'],
  ['/contacts/1/evidence?to=', 'to'],
  ['/contacts/1/evidence?to=1&to=2', 'to'],
  ['/contacts/1/history?limit=0', 'limit'],
  ['/contacts/1/history?limit=201', 'limit'],
  ['/contacts/1/history?limit=2&limit=3', 'limit'],
  ['/contacts/1/history?after=x', 'after'],
  ['/contacts/1/history?after=1.exploded.1', 'after'],
  ['/merges', 'contactId'],
  ['/merges?contactId=1.5', 'contactId'],
  ['/merges?contactId=1&after=-1', 'after'],
  ['/merges?contactId=1&after=99999999999999999', 'after'],
])('what is not valid is refused, naming the field: %s', async (path, field) => {
  expect(await app.client.send('GET', path)).toMatchObject({
    status: 400,
    body: { type: 'urn:problem:invalid-request', errors: [{ field }] },
  });
});

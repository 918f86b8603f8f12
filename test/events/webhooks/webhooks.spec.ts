import { Webhook } from 'standardwebhooks';
import type { Reply } from '../../support/client.js';
import { use, useApp, useDatabase } from '../../support/hooks.js';
import { LOOPBACK, startReceiver, type Received } from '../../support/receiver.js';
import { until } from '../../support/until.js';

interface Shown {
  readonly id: number;
  readonly url: string;
  readonly secret: string;
  readonly enabled: boolean;
}
interface Delivery {
  readonly eventId: string;
  readonly state: string;
  readonly attempts: number;
  readonly lastStatus: number | null;
}

const database = useDatabase();
const app = useApp(() => ({
  DATABASE_URL: database.url,
  WEBHOOK_KEY: 'a key of this test, which is long enough',
  WEBHOOK_ALLOWED_NETWORKS: LOOPBACK,
}));
/** By path, the status that is answered; 204 otherwise. */
const statuses = new Map<string, number>();
const receiver = use(
  () => startReceiver((response, { path }) => void response.writeHead(statuses.get(path) ?? 204).end('said')),
  async (started) => started[Symbol.asyncDispose](),
);

afterEach(async () => {
  for (const { id } of (await send<{ webhooks: Shown[] }>('GET', '/webhooks')).body.webhooks) {
    await send('DELETE', `/webhooks/${id}`);
  }
  statuses.clear();
});

const send = <T = Shown>(method: string, path: string, body?: unknown): Promise<Reply<T>> =>
  app.client.send<T>(method, path, body);

let paths = 0;

/** A webhook on a path of its own. */
async function make(terms: object = {}): Promise<Shown & { path: string }> {
  const path = `/hooks/${++paths}`;
  const { status, body } = await send('POST', '/webhooks', { url: `${receiver.url}${path}`, ...terms });
  expect(status).toBe(201);
  return { ...body, path };
}

let customers = 0;

/** Something happens: an identity is new. */
const happen = () => app.client.identify({ email: `customer-${++customers}@hillvalley.edu` });

async function deliveriesOf(id: number, state = ''): Promise<Delivery[]> {
  const query = state === '' ? '' : `?state=${state}`;
  const { body } = await send<{ deliveries: Delivery[] }>('GET', `/webhooks/${id}/deliveries${query}`);
  return body.deliveries;
}

/** What stands for the time that passes until the next attempt. */
async function later(id: number): Promise<void> {
  await database.query(
    `update webhook_delivery set due_at = now() where webhook_id = $1 and state = 'pending' and attempts > 0`,
    [id],
  );
  // A webhook that is changed is looked at.
  await send('PATCH', `/webhooks/${id}`, {});
}

/** Waits until all that happened has its place among the events. */
const numbered = () => until(async () => (await database.query('select from event_outbox')).length === 0);

const verify = (secret: string, { body, headers }: Received) =>
  new Webhook(secret).verify(body, headers as Record<string, string>);

const told = ({ body }: Received) =>
  JSON.parse(body) as { id: string; type: string; data: { primaryContactId?: number } };

test('what happens is sent to a webhook, signed, with the id of the event and no identifier', async () => {
  const { path, secret, id } = await make();
  const { primaryContactId } = await happen();
  await receiver.untilReceived(1, path);
  const [message] = receiver.at(path);
  const event = told(message!);
  expect(verify(secret, message!)).toEqual(event);
  expect(event).toMatchObject({ type: 'identity.created', data: { primaryContactId } });
  expect(message!.headers).toMatchObject({ 'webhook-id': event.id, 'content-type': 'application/json' });
  expect(message!.body).not.toContain('hillvalley');
  const feed = await send<{ events: object[] }>('GET', '/events');
  expect(feed.body.events.at(-1)).toEqual(event);
  await until(async () => (await deliveriesOf(id, 'delivered')).length === 1);
  expect(await deliveriesOf(id)).toMatchObject([
    { eventId: event.id, type: 'identity.created', state: 'delivered', attempts: 1, lastStatus: 204 },
  ]);
});

test('a webhook is sent the types that it wants', async () => {
  const { path } = await make({ types: ['identity.merged'] });
  const [marty, calvin] = [await happen(), await happen()];
  const contactIds = [marty.primaryContactId, calvin.primaryContactId];
  await send('POST', '/merges', { contactIds, reason: 'One customer' });
  await receiver.untilReceived(1, path);
  expect(receiver.at(path).map((message) => told(message).type)).toEqual(['identity.merged']);
});

test('a failure is tried again with the same id, a fresh time and signature, until it succeeds', async () => {
  const { path, id, secret } = await make();
  statuses.set(path, 503);
  await happen();
  await until(async () => (await deliveriesOf(id))[0]?.attempts === 1);
  expect(await deliveriesOf(id, 'pending')).toMatchObject([{ lastStatus: 503 }]);
  expect((await send('GET', `/webhooks/${id}`)).body).toMatchObject({ failingSince: expect.any(String) });
  statuses.delete(path);
  await later(id);
  await until(async () => (await deliveriesOf(id, 'delivered')).length === 1);
  const [first, second] = receiver.at(path);
  expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
  expect(verify(secret, second!)).toBeTruthy();
  expect((await send('GET', `/webhooks/${id}`)).body).toMatchObject({ failingSince: null, enabled: true });
});

test('after the tenth attempt a delivery is a dead letter, and a replay begins anew', async () => {
  const { path, id } = await make();
  statuses.set(path, 500);
  await happen();
  for (let attempts = 1; attempts <= 10; attempts++) {
    await until(async () => (await deliveriesOf(id))[0]?.attempts === attempts);
    await later(id);
  }
  expect(await deliveriesOf(id, 'dead')).toMatchObject([
    { attempts: 10, lastStatus: 500, nextAttemptAt: null },
  ]);
  expect(receiver.at(path)).toHaveLength(10);
  statuses.delete(path);
  const replay = await send<object>('POST', `/webhooks/${id}/replay`, { state: 'dead' });
  expect({ status: replay.status, body: replay.body }).toEqual({
    status: 202,
    body: { deliveries: 1, next: null },
  });
  await until(async () => (await deliveriesOf(id, 'delivered'))[0]?.attempts === 1);
});

test('a replay of a range sends what was sent before, and what a webhook missed', async () => {
  await happen();
  await numbered();
  const { events, next } = (
    await send<{ events: { id: string }[]; next: string }>('GET', '/events?after=latest')
  ).body;
  expect(events).toEqual([]);
  const missed = [await happen(), await happen()];
  await numbered();
  const { path, id } = await make();
  const sent = await happen();
  await receiver.untilReceived(1, path);
  await until(async () => (await deliveriesOf(id, 'delivered')).length === 1);
  const replay = await send('POST', `/webhooks/${id}/replay`, { after: next });
  expect(replay.body).toEqual({ deliveries: 3, next: null });
  await receiver.untilReceived(4, path);
  const ids = receiver.at(path).map((message) => told(message).data.primaryContactId!);
  const all = [...missed, sent, sent].map(({ primaryContactId }) => primaryContactId);
  expect(ids.toSorted((a, b) => a - b)).toEqual(all.toSorted((a, b) => a - b));
  await until(async () => (await deliveriesOf(id, 'delivered')).length === 3);
  const inOrder = await deliveriesOf(id);
  const newestFirst = await deliveriesOf(id, 'delivered&order=newest&limit=2');
  expect(newestFirst).toEqual([inOrder[2], inOrder[1]]);
  const { body: rest } = await send<{ deliveries: Delivery[]; next: string | null }>(
    'GET',
    `/webhooks/${id}/deliveries?order=newest&after=${newestFirst[1]!.eventId.split('-')[1]}`,
  );
  expect(rest).toEqual({ deliveries: [inOrder[0]], next: null });
  const last = inOrder.at(-1)!.eventId;
  const between = await send('POST', `/webhooks/${id}/replay`, { after: next, before: last });
  expect(between.body).toEqual({ deliveries: 2, next: null });
});

test('410 disables a webhook at once; enabled again, it is sent what happens from then on', async () => {
  const { path, id } = await make();
  statuses.set(path, 410);
  await happen();
  await until(async () => !(await send('GET', `/webhooks/${id}`)).body.enabled);
  expect((await send('GET', `/webhooks/${id}`)).body).toMatchObject({ disabledReason: 'gone' });
  expect(await deliveriesOf(id)).toMatchObject([{ state: 'dead', lastStatus: 410 }]);
  await happen();
  await numbered();
  statuses.delete(path);
  const enabled = await send('PATCH', `/webhooks/${id}`, { enabled: true });
  expect(enabled.body).toMatchObject({ enabled: true, disabledReason: null, disabledAt: null });
  const { primaryContactId } = await happen();
  await receiver.untilReceived(2, path);
  expect(told(receiver.at(path)[1]!).data).toMatchObject({ primaryContactId });
});

test('five days without a success disable a webhook', async () => {
  const { path, id } = await make();
  statuses.set(path, 500);
  await database.query(
    `update webhook set failing_since = now() - interval '5 days 1 second' where id = $1`,
    [id],
  );
  await happen();
  await until(async () => !(await send('GET', `/webhooks/${id}`)).body.enabled);
  expect((await send('GET', `/webhooks/${id}`)).body).toMatchObject({ disabledReason: 'failing' });
  expect(await deliveriesOf(id, 'pending')).toHaveLength(1);
});

test('after a rotation both secrets sign for a day; then only the new one', async () => {
  const { path, id, secret } = await make();
  const rotated = await send('POST', `/webhooks/${id}/rotate-secret`);
  expect(rotated).toMatchObject({ status: 200, body: { id, previousSecretUntil: expect.any(String) } });
  await happen();
  await receiver.untilReceived(1, path);
  expect(verify(secret, receiver.at(path)[0]!)).toEqual(verify(rotated.body.secret, receiver.at(path)[0]!));
  await database.query('update webhook set previous_secret_until = now() where id = $1', [id]);
  await happen();
  await receiver.untilReceived(2, path);
  expect(verify(rotated.body.secret, receiver.at(path)[1]!)).toBeTruthy();
  expect(() => verify(secret, receiver.at(path)[1]!)).toThrow('No matching signature');
});

test('a test call sends a signed event at once, says what the receiver said, and stores nothing', async () => {
  const { path, id, secret } = await make();
  await send('PATCH', `/webhooks/${id}`, { enabled: false });
  expect(await send('POST', `/webhooks/${id}/test`)).toMatchObject({
    status: 200,
    body: { delivered: true, status: 204, failure: null, excerpt: '' },
  });
  statuses.set(path, 500);
  expect((await send('POST', `/webhooks/${id}/test`)).body).toMatchObject({
    delivered: false,
    status: 500,
    excerpt: 'said',
  });
  const [message] = receiver.at(path);
  expect(verify(secret, message!)).toMatchObject({
    type: 'webhook.test',
  });
  expect(await deliveriesOf(id)).toEqual([]);
  expect((await send('GET', `/webhooks/${id}`)).body).toMatchObject({ failingSince: null });
});

test('a test call of a receiver that nobody reaches says why', async () => {
  const { id } = await make({ url: 'http://127.0.0.1:1/' });
  expect((await send('POST', `/webhooks/${id}/test`)).body).toMatchObject({
    delivered: false,
    status: null,
    failure: 'connection-failed',
    excerpt: null,
  });
});

test('a webhook is shown, listed, changed and deleted, and shows its secret only once', async () => {
  const { id, url, secret } = await make({ types: ['identity.merged'], description: 'CRM' });
  const other = await make();
  const shown = {
    id,
    url,
    types: ['identity.merged'],
    description: 'CRM',
    enabled: true,
    disabledReason: null,
    disabledAt: null,
    failingSince: null,
    previousSecretUntil: null,
    createdAt: expect.stringMatching(/^\d{4}-.*\.\d{6}Z$/),
  };
  expect(secret).toMatch(/^whsec_/);
  expect((await send('GET', `/webhooks/${id}`)).body).toEqual(shown);
  const first = await send<{ webhooks: Shown[]; next: string }>('GET', '/webhooks?limit=1');
  expect(first.body).toEqual({ webhooks: [shown], next: String(id) });
  const rest = await send<{ webhooks: Shown[]; next: null }>('GET', `/webhooks?after=${first.body.next}`);
  expect(rest.body).toMatchObject({ webhooks: [{ id: other.id }], next: null });
  const change = { url: 'https://hooks.hillvalley.edu/a#b', types: null, description: null, enabled: false };
  expect((await send('PATCH', `/webhooks/${id}`, change)).body).toEqual({
    ...shown,
    url: 'https://hooks.hillvalley.edu/a',
    types: null,
    description: null,
    enabled: false,
    disabledReason: 'manual',
    disabledAt: expect.any(String),
  });
  expect((await send('PATCH', `/webhooks/${id}`, {})).body).toMatchObject({ disabledReason: 'manual' });
  expect((await send('DELETE', `/webhooks/${id}`)).status).toBe(204);
  for (const [method, path] of [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/rotate-secret'],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['POST', '/replay'],
  ] as const) {
    const reply = await send<{ type: string }>(
      method,
      `/webhooks/${id}${path}`,
      method === 'PATCH' ? {} : undefined,
    );
    expect(reply).toMatchObject({ status: 404, body: { type: 'urn:problem:webhook-not-found' } });
  }
});

test.each([
  [{}, 'url'],
  [{ url: 7 }, 'url'],
  [{ url: 'http://8.8.8.8/' }, 'url'],
  [{ url: 'https://10.0.0.1/' }, 'url'],
  [{ url: 'https://169.254.169.254/' }, 'url'],
  [{ url: 'https://[::ffff:10.0.0.1]/' }, 'url'],
  [{ url: 'https://a:b@hillvalley.edu/' }, 'url'],
  [{ url: 'https://hillvalley.edu/', types: [] }, 'types'],
  [{ url: 'https://hillvalley.edu/', types: ['identity.lost'] }, 'types'],
  [{ url: 'https://hillvalley.edu/', types: ['identity.merged', 'identity.merged'] }, 'types'],
  [{ url: 'https://hillvalley.edu/', types: 'identity.merged' }, 'types'],
  [{ url: 'https://hillvalley.edu/', description: 'a'.repeat(201) }, 'description'],
  [{ url: 'https://hillvalley.edu/', description: 'a\u0000' }, 'description'],
])('%j is refused, and the answer names %s', async (body, field) => {
  const created = await send<{ errors: { field: string }[] }>('POST', '/webhooks', body);
  expect({ status: created.status, fields: created.body.errors.map((each) => each.field) }).toEqual({
    status: 400,
    fields: [field],
  });
});

test.each([
  ['PATCH', '', { url: 'https://10.1/' }, 'url'],
  ['PATCH', '', { url: null }, 'url'],
  ['PATCH', '', { enabled: null }, 'enabled'],
  ['POST', '/replay', { after: 'yesterday' }, 'after'],
  ['POST', '/replay', { before: 7 }, 'before'],
  ['POST', '/replay', { state: 'lost' }, 'state'],
  ['GET', '/deliveries?state=lost', undefined, 'state'],
  ['GET', '/deliveries?after=x', undefined, 'after'],
  ['GET', '/deliveries?order=oldest', undefined, 'order'],
])('%s of a webhook%s with %j names %s', async (method, path, body, field) => {
  const { id } = await make();
  const reply = await send<{ errors: { field: string }[] }>(method, `/webhooks/${id}${path}`, body);
  expect({ status: reply.status, fields: reply.body.errors.map((each) => each.field) }).toEqual({
    status: 400,
    fields: [field],
  });
});

test('a cursor of another epoch is refused, because events may be missing', async () => {
  await happen();
  const { id } = await make();
  const reply = await send('POST', `/webhooks/${id}/replay`, { after: '000000000000-1' });
  expect(reply).toMatchObject({ status: 410, body: { type: 'urn:problem:cursor-expired' } });
});

test('a tenant has 100 webhooks at most', async () => {
  await Promise.all(Array.from({ length: 100 }, () => make()));
  const reply = await send('POST', '/webhooks', { url: 'https://hooks.hillvalley.edu/' });
  expect(reply).toMatchObject({ status: 409, body: { type: 'urn:problem:webhook-limit' } });
});

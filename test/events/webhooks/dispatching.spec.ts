import { jest } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { DatabaseUnavailableError } from '../../../src/database/session/unavailable.js';
import { DeliveryRecords } from '../../../src/events/webhooks/delivery-records.js';
import { WebhookSweep } from '../../../src/events/webhooks/webhook-sweep.js';
import { startApp } from '../../support/app.js';
import { use, useGuardedDatabase } from '../../support/hooks.js';
import { administerKeys } from '../../support/keys.js';
import { LOOPBACK, startReceiver } from '../../support/receiver.js';
import { until } from '../../support/until.js';

// As in production: keys, several tenants, row level security, a role that owns nothing.

const guarded = useGuardedDatabase();
const env = () => ({
  DATABASE_URL: guarded.serviceUrl,
  AUTH_MODE: 'api-key',
  WEBHOOK_KEY: 'a key of this test, which is long enough',
  WEBHOOK_ALLOWED_NETWORKS: LOOPBACK,
});
const app = use(
  () => startApp(env()),
  (started) => started.close(),
);
/** Those that nobody has answered, with their paths. */
const hanging = new Map<ServerResponse, string>();
/** Answers every path but those that begin with `/dead`. */
const receiver = use(
  () =>
    startReceiver((response, { path }) => {
      if (path.startsWith('/dead')) {
        hanging.set(response, path);
      } else {
        response.writeHead(204).end();
      }
    }),
  async (started) => started[Symbol.asyncDispose](),
);

const keyOf = new Map<string, Record<string, string>>();

beforeAll(async () => {
  const keys = await administerKeys(guarded.ownerUrl);
  await keys.createTenant('hill-valley');
  for (const tenant of ['default', 'hill-valley']) {
    keyOf.set(tenant, { 'x-api-key': await keys.make({ tenant, scopes: ['admin'] }) });
  }
  await keys.close();
});

afterEach(async () => {
  jest.restoreAllMocks();
  answerHanging(503);
  await until(async () => (await guarded.database.query('select from event_outbox')).length === 0);
  await guarded.database.query('truncate webhook_delivery, webhook');
});

function answerHanging(status: number, onlyPath?: string): void {
  for (const [response, path] of hanging) {
    if (onlyPath === undefined || path === onlyPath) {
      hanging.delete(response);
      response.writeHead(status).end();
    }
  }
}

async function make(path: string, tenant = 'default'): Promise<number> {
  const body = { url: `${receiver.url}${path}` };
  const made = await app.client.send<{ id: number }>('POST', '/webhooks', body, keyOf.get(tenant));
  expect(made.status).toBe(201);
  return made.body.id;
}

let customers = 0;
const happen = (tenant = 'default') =>
  app.client.identify({ phoneNumber: String(5_550_000 + customers++) }, keyOf.get(tenant));

async function states(): Promise<Record<string, number>> {
  const rows = await guarded.database.query<{ state: string; count: string }>(
    'select state, count(*) from webhook_delivery group by state',
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
}

test('ten receivers that never answer delay neither ten others nor any caller', async () => {
  const EVENTS = 30;
  const paths = Array.from({ length: 10 }, (_, i) => `/alive/${i}`);
  // The dead ones come first, and each has more to be sent than it may have under way.
  for (let i = 0; i < 10; i++) {
    await make(`/dead/${i}`);
  }
  for (const path of paths) {
    await make(path);
  }
  for (let i = 0; i < EVENTS; i++) {
    await happen();
  }
  await Promise.all(paths.map((path) => receiver.untilReceived(EVENTS, path)));
  await until(async () => (await states()).delivered === EVENTS * paths.length);
  // All of them are still waited for.
  expect(hanging.size).toBe(10 * 8);
  expect([...hanging.keys()].every((response) => !response.destroyed)).toBe(true);
  expect(await states()).toEqual({ delivered: EVENTS * 10, pending: EVENTS * 10 });
  await happen();
});

test('a tenant is sent its own events only, and its webhooks are its own', async () => {
  await make('/ours');
  await make('/theirs', 'hill-valley');
  const [ours, theirs] = [await happen(), await happen('hill-valley')];
  await Promise.all([receiver.untilReceived(1, '/ours'), receiver.untilReceived(1, '/theirs')]);
  const told = (path: string) =>
    receiver.at(path).map(({ body }) => (JSON.parse(body) as { data: { primaryContactId: number } }).data);
  expect(told('/ours')).toMatchObject([{ primaryContactId: ours.primaryContactId }]);
  expect(told('/theirs')).toMatchObject([{ primaryContactId: theirs.primaryContactId }]);
});

test('what another process took up and did not finish is sent when its lease is over, and not before', async () => {
  const id = await make('/left');
  await happen();
  await receiver.untilReceived(1, '/left');
  await until(async () => (await states()).delivered === 1);
  // as a process leaves it that was killed
  const takenUp = (lease: string) =>
    guarded.database.query(
      `update webhook_delivery set state = 'pending', due_at = now() + $2::interval where webhook_id = $1`,
      [id, lease],
    );
  await takenUp('1 minute');
  await happen();
  await receiver.untilReceived(2, '/left');
  expect(receiver.at('/left')).toHaveLength(2);
  await takenUp('-1 second');
  await app.client.send('PATCH', `/webhooks/${id}`, {}, keyOf.get('default'));
  await receiver.untilReceived(4, '/left');
  await until(async () => (await states()).delivered === 2);
});

test('many processes share what is due: each delivery is sent once', async () => {
  await using another = await startApp(env());
  const id = await make('/shared');
  const EVENTS = 200;
  for (let i = 0; i < EVENTS; i++) {
    const body = { phoneNumber: String(7_770_000 + i) };
    await (i % 2 === 0 ? app : another).client.identify(body, keyOf.get('default'));
  }
  await receiver.untilReceived(EVENTS, '/shared');
  await until(async () => (await states()).delivered === EVENTS);
  const ids = receiver.at('/shared').map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(EVENTS);
  expect(ids).toHaveLength(EVENTS);
  // Sent again all at once, with both woken.
  const calls = [app, another].map((each) =>
    each.client.send('POST', `/webhooks/${id}/replay`, { state: 'delivered' }, keyOf.get('default')),
  );
  await Promise.all(calls);
  await until(async () => (await states()).delivered === EVENTS);
  expect(receiver.at('/shared').length).toBeGreaterThanOrEqual(2 * EVENTS);
});

test('a process that ends gives back what it has not sent', async () => {
  const another = await startApp(env());
  const id = await make('/dead/end');
  for (let i = 0; i < 20; i++) {
    await another.client.identify({ phoneNumber: String(8_880_000 + i) }, keyOf.get('default'));
  }
  await until(() => hanging.size >= 8);
  await another.close();
  // Those that the other process holds are not due for a minute.
  const [due] = await guarded.database.query<{ count: string }>(
    `select count(*) from webhook_delivery where webhook_id = $1 and due_at > now() + interval '30 s'`,
    [id],
  );
  expect(Number(due!.count)).toBeLessThanOrEqual(16);
  // it may have ended before its last events had numbers; the process that goes on gives them
  await until(async () => (await states()).pending === 20);
  expect(await states()).toEqual({ pending: 20 });
});

test('the sweep sends what nobody remembers, and removes what was deleted or is no longer kept', async () => {
  const sweep = () => app.get(WebhookSweep).sweep();
  const [id, deleted] = [await make('/swept'), await make('/deleted')];
  await happen();
  await until(async () => (await states()).delivered === 2);
  await guarded.database.query(
    `update webhook_delivery set state = 'pending', due_at = now() where webhook_id = $1`,
    [id],
  );
  await app.client.send('DELETE', `/webhooks/${deleted}`, undefined, keyOf.get('default'));
  await sweep();
  await receiver.untilReceived(2, '/swept');
  await until(async () => (await states()).delivered === 1);
  expect(await guarded.database.query('select id::int from webhook')).toEqual([{ id }]);
  await guarded.database.query('update event_head set trimmed = position where tenant_id = 1');
  await sweep();
  expect(await states()).toEqual({});
});

test('the sweep looks at a tenant also if another one can not be looked at', async () => {
  await make('/ours');
  const id = await make('/swept/theirs', 'hill-valley');
  await happen('hill-valley');
  await until(async () => (await states()).delivered === 1);
  await guarded.database.query(
    `update webhook_delivery set state = 'pending', due_at = now() where webhook_id = $1`,
    [id],
  );
  const records = app.get(DeliveryRecords);
  const due = records.due.bind(records);
  jest
    .spyOn(records, 'due')
    .mockImplementation((tenantId) =>
      tenantId === 1 ? Promise.reject(new DatabaseUnavailableError('its node is down')) : due(tenantId),
    );
  expect(await app.get(WebhookSweep).sweep()).toBe(false);
  await until(async () => (await states()).delivered === 1);
  expect(receiver.at('/swept/theirs')).toHaveLength(2);
});

test('what the receiver of before answers does not disable a webhook that leads elsewhere by now', async () => {
  const id = await make('/dead/before');
  await happen();
  // An attempt that an earlier test left may hang too.
  await until(() => [...hanging.values()].includes('/dead/before'));
  const url = `${receiver.url}/after`;
  await app.client.send('PATCH', `/webhooks/${id}`, { url }, keyOf.get('default'));
  answerHanging(410, '/dead/before');
  await until(async () => (await states()).dead === 1);
  const shown = await app.client.send('GET', `/webhooks/${id}`, undefined, keyOf.get('default'));
  expect(shown.body).toMatchObject({ enabled: true, url, failingSince: null });
  await happen();
  await receiver.untilReceived(1, '/after');
});

test('what the receiver of before answers does not end the failure of a webhook that leads elsewhere by now', async () => {
  const id = await make('/dead/before-failing');
  await happen();
  await until(() => [...hanging.values()].includes('/dead/before-failing'));
  const url = `${receiver.url}/after-failing`;
  await app.client.send('PATCH', `/webhooks/${id}`, { url }, keyOf.get('default'));
  await guarded.database.query('update webhook set failing_since = now() where id = $1', [id]);
  answerHanging(204, '/dead/before-failing');
  await until(async () => (await states()).delivered === 1);
  const shown = await app.client.send('GET', `/webhooks/${id}`, undefined, keyOf.get('default'));
  expect(shown.body).toMatchObject({ failingSince: expect.any(String) });
});

test('an event that is no longer kept makes a dead letter, and is no failure of the receiver', async () => {
  const id = await make('/expired');
  await guarded.database.query(
    `insert into webhook_delivery (tenant_id, webhook_id, event_position, state, attempts, due_at, created_at)
      values (1, $1, 999999, 'pending', 0, now(), now())`,
    [id],
  );
  await app.get(WebhookSweep).sweep();
  await until(async () => (await states()).dead === 1);
  expect(receiver.at('/expired')).toEqual([]);
  const { body } = await app.client.send('GET', `/webhooks/${id}`, undefined, keyOf.get('default'));
  expect(body).toMatchObject({ failingSince: null });
});

test('a secret under the previous key still signs, and is encrypted with the new one by the next sweep', async () => {
  const id = await make('/rekeyed');
  const [KEY, PREVIOUS] = ['another key of this test, long enough', env().WEBHOOK_KEY];
  await using rotated = await startApp({ ...env(), WEBHOOK_KEY: KEY, WEBHOOK_KEY_PREVIOUS: PREVIOUS });
  await rotated.get(WebhookSweep).sweep();
  await using after = await startApp({ ...env(), WEBHOOK_KEY: KEY });
  const test = await after.client.send('POST', `/webhooks/${id}/test`, undefined, keyOf.get('default'));
  expect(test).toMatchObject({ status: 200, body: { delivered: true } });
  const lost = await app.client.send('POST', `/webhooks/${id}/test`, undefined, keyOf.get('default'));
  expect(lost).toMatchObject({ status: 503, body: { type: 'urn:problem:webhook-key-mismatch' } });
});

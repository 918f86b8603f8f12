import type { INestApplication } from '@nestjs/common';
import { Settings } from '../../../src/config/settings.js';
import { createApp } from '../../../src/create-app.js';
import { ErasureWatch } from '../../../src/identity/erasure-watch.js';
import { PolicyDirectory } from '../../../src/identity/policy-directory.js';
import { ReconciliationService } from '../../../src/identity/reconciliation.service.js';
import { IdentityReader } from '../../../src/identity/store/identity-reader.js';
import { importFile, tally } from '../../transfer/import/import-text.js';
import { ServiceClient, type Reply } from '../../support/client.js';
import { ageErasures, placesOf } from '../../support/erased.js';
import { use, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KEY = 'a key that only the tests of tombstones use';
const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '4711000' };
const VALUES = Object.values(LORRAINE);

const database = useDatabase();
const env = (): Record<string, string> => ({
  DATABASE_URL: database.url,
  ERASURE_KEY: KEY,
  LOG_LEVEL: 'silent',
  METRICS_PORT: 'off',
  MAX_EVENT_LOOP_DELAY_MS: '0',
  IDENTITY_CACHE_MIN_CONTACTS: '1',
});
const start = async (): Promise<INestApplication> => {
  const app = await createApp(new Settings(env()));
  await app.listen(0, '127.0.0.1');
  return app;
};
const one = use(start, (app) => app.close());
const other = use(start, (app) => app.close());
let client: ServiceClient;

beforeEach(async () => {
  await database.clear();
  for (const app of [one, other]) {
    await app.get(PolicyDirectory).refresh(1);
    app.get(IdentityReader).drop(1);
  }
  client = new ServiceClient(await one.getUrl());
  await client.identify(LORRAINE);
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const identify = (body: object, by = client): Promise<Reply> => by.send('POST', '/identify', body);

async function erase(more: object = {}): Promise<number> {
  const { body } = await client.send<{ erasureId: number }>('POST', '/erasures', {
    contactId: 1,
    scope: 'identity',
    reason: 'Asked for by letter',
    ...more,
  });
  return body.erasureId;
}

async function finish(id: number): Promise<void> {
  await ageErasures(database);
  expect((await client.send('GET', `/erasures/${id}`)).body).toMatchObject({ status: 'done' });
}

async function imported(text: string, key = KEY): Promise<object> {
  const folder = await mkdtemp(join(tmpdir(), 'identity-import-'));
  const path = join(folder, 'people.csv');
  await writeFile(path, text);
  try {
    return (await importFile({ DATABASE_URL: database.url, ERASURE_KEY: key }, path)).tally;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.each(['at once', 'when it is done'])('calls with what is blocked are refused, %s', async (when) => {
  const id = await erase({ blockedForDays: 30 });
  if (when === 'when it is done') {
    await finish(id);
  }
  const onOther = new ServiceClient(await other.getUrl());
  for (const by of [client, ...(when === 'at once' ? [onOther] : [])]) {
    expect(await identify(LORRAINE, by)).toMatchObject({
      status: 422,
      body: {
        type: 'urn:problem:identifiers-blocked',
        errors: [{ field: 'email' }, { field: 'phoneNumber' }],
      },
    });
    expect(await identify({ ...LORRAINE, email: 'marty@hillvalley.edu' }, by)).toMatchObject({
      status: 200,
      body: {
        contact: { emails: ['marty@hillvalley.edu'], phoneNumbers: [] },
        ignored: [{ field: 'phoneNumber', reason: 'blocked' }],
      },
    });
  }
});

test('a call that arrived before the erasure is refused, one that arrived later is not', async () => {
  const receivedAt = performance.now();
  await erase();
  const sighting = { identifiers: [{ kind: 'email', value: LORRAINE.email }] };
  const service = one.get(ReconciliationService);
  await expect(service.preview(1, { ...sighting, receivedAt })).rejects.toMatchObject({
    problem: { slug: 'identifiers-blocked' },
  });
  expect(await service.preview(1, { ...sighting, receivedAt: performance.now() })).toMatchObject({
    outcome: 'created',
  });
});

test.each([false, true])(
  'an old record does not bring it back, whether the erasure is done: %s',
  async (isDone) => {
    const id = await erase();
    if (isDone) {
      await finish(id);
    }
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    expect(await imported(`email,phoneNumber\n${VALUES.join()}\n`)).toEqual(tally({ blocked: 1 }));
    expect(await imported(`email,phoneNumber,createdAt\n${VALUES.join()},${yesterday}\n`)).toEqual(
      tally({ blocked: 1 }),
    );
    expect(await imported(`email,phoneNumber\nmarty@hillvalley.edu,${LORRAINE.phoneNumber}\n`)).toEqual(
      tally({ created: 1, withheld: 1, ignored: { blocked: 1, 'do-not-link': 0, limit: 0 } }),
    );
    expect(
      (await placesOf(database, VALUES)).filter((place) => isDone || !place.startsWith('identifier:')),
    ).toEqual([]);
  },
);

test('an import without the key, or with another one, is refused once something was erased', async () => {
  await finish(await erase());
  await expect(imported(`email\n${LORRAINE.email}\n`, '')).rejects.toThrow('ERASURE_KEY is not set');
  await expect(
    imported(`email\n${LORRAINE.email}\n`, 'another key, which is as long as it must be'),
  ).rejects.toThrow('ERASURE_KEY is not the key');
  expect(await placesOf(database, VALUES)).toEqual([]);
});

test('what another replica has in memory is dropped when the erasure is seen', async () => {
  const selection = { tenantId: 1, contactIds: [1] };
  await one.get(IdentityReader).load(selection);
  await other.get(IdentityReader).load(selection);
  expect(other.get(IdentityReader).known(selection)).toHaveLength(1);
  await erase();
  expect(one.get(IdentityReader).known(selection)).toEqual([]);
  await other.get(ErasureWatch).look();
  expect(other.get(IdentityReader).known(selection)).toEqual([]);
});

test('an erasure that a replica left behind is finished by another one', async () => {
  const id = await erase();
  await ageErasures(database);
  await other.get(ErasureWatch).finishLeft();
  expect(await database.query('select status from erasure where id = $1', [id])).toEqual([
    { status: 'done' },
  ]);
});

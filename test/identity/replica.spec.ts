import { jest } from '@jest/globals';
import pg from 'pg';
import { Registry } from 'prom-client';
import { ormOptions } from '../../mikro-orm.config.js';
import { DEFAULT_TENANT_ID } from '../../src/access/entities/tenant.js';
import { Settings } from '../../src/config/settings.js';
import { openDatabase, type OpenDatabase } from '../../src/database/open-database.js';
import { ReadReplica } from '../../src/database/read-replica.js';
import { openSession } from '../../src/database/session/open-session.js';
import { DatabaseUnavailableError } from '../../src/database/session/unavailable.js';
import { ReadSources, type ReadSource } from '../../src/identity/read-sources.js';
import { IdentityLists } from '../../src/identity/store/identity-lists.js';
import { TcpProxy } from '../faults/harness/tcp-proxy.js';
import { startApp, type RunningApp } from '../support/app.js';
import { use, useApp, useDatabase } from '../support/hooks.js';
import { administerKeys } from '../support/keys.js';
import { PostgresServer } from '../support/postgres-server.js';
import { createGuardedDatabase } from '../support/roles.js';
import { until } from '../support/until.js';

const primary = use(
  () => PostgresServer.start(['wal_keep_size=256MB']),
  (server) => server.stop(),
);
const replica = use(
  () => primary.replicate(),
  (server) => server.stop(),
);
const guarded = use(
  () => createGuardedDatabase({ serverUrl: primary.url }),
  (database) => database.drop(),
);
const keys = use(
  () => administerKeys(guarded.database.url),
  (each) => each.close(),
);
const onReplica = (url: string): string =>
  Object.assign(new URL(url), { port: new URL(replica.url).port }).href;
const env = (): Record<string, string> => ({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
const app = useApp(() => ({ ...env(), DATABASE_REPLICA_URL: onReplica(guarded.serviceUrl) }));
const plain = useApp(env);

let authorization: Record<string, string>;
let ofAnother: Record<string, string>;

beforeAll(async () => {
  await keys.createTenant('other');
  authorization = { authorization: `Bearer ${await keys.make()}` };
  ofAnother = { authorization: `Bearer ${await keys.make({ tenant: 'other' })}` };
});

/** How many reads were answered by the replica. */
async function readThere(service: RunningApp = app): Promise<number> {
  const metric = await service.get(Registry).getSingleMetric('identity_reads_total')!.get();
  return metric.values.find(({ labels }) => labels.source === 'replica')!.value;
}

async function lag(): Promise<number> {
  const metric = await app.get(Registry).getSingleMetric('database_replica_lag_seconds')!.get();
  return metric.values[0]!.value;
}

async function identify(email: string, { client } = app): Promise<number> {
  const { body } = await client.send<{ contact: { primaryContactId: number } }>(
    'POST',
    '/identify',
    { email },
    authorization,
  );
  return body.contact.primaryContactId;
}

/** The ids of the identities that have an email. */
async function lookUp(email: string, headers = authorization, { client } = app): Promise<number[]> {
  const { body } = await client.send<{ identities: { contact: { primaryContactId: number } }[] }>(
    'POST',
    '/lookup',
    { email },
    headers,
  );
  return body.identities.map(({ contact }) => contact.primaryContactId);
}

/** Writes through a process, one call after the other, and reads each through the one with the replica. */
async function readsAfterWrites(name: string, writer: RunningApp): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const email = `${name}${i}@hillvalley.edu`;
    const id = await identify(email, writer);
    expect(await lookUp(email)).toEqual([id]);
  }
}

/** Waits until a read uses the replica. */
async function untilUsed(): Promise<void> {
  const before = await readThere();
  await until(async () => {
    await lookUp('nobody@hillvalley.edu');
    return (await readThere()) > before;
  });
}

/** A statement as a superuser, on the replica. */
async function command(
  text: string,
  url = onReplica(guarded.database.url),
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(text);
  await client.end();
  return rows;
}

/** One connection without time limits of its own: what is left unanswered there stays so. */
function openOne(url: string): Promise<OpenDatabase> {
  return openDatabase({
    ...ormOptions(new Settings({ DATABASE_URL: url }), 'migrate'),
    pool: { min: 0, max: 1 },
  });
}

async function close(database: OpenDatabase): Promise<void> {
  await database[Symbol.asyncDispose]();
}

/** Whether its connection is not the one that was lost. */
function answers({ orm }: OpenDatabase): Promise<boolean> {
  return openSession(orm.em)
    .query([{ name: 'answers', text: 'select 1' }], null)
    .then(
      () => true,
      () => false,
    );
}

async function openReads(here: OpenDatabase, there: OpenDatabase): Promise<ReadReplica> {
  const opened = new ReadReplica(here.orm, there, new Registry());
  opened.onApplicationBootstrap();
  await until(() => opened.isFresh());
  return opened;
}

function closeReads(opened: ReadReplica): Promise<void> {
  return Promise.resolve(opened.onModuleDestroy());
}

/** Waits until the replica shows all that was written before, and is on the disk. */
async function untilShown(): Promise<void> {
  const [written] = await guarded.database.query<{ position: string }>(
    'select pg_current_wal_flush_lsn() as position',
  );
  await until(async () => {
    const [row] = await command(`select pg_last_wal_replay_lsn() >= '${written!.position}' as shown`);
    return row!.shown === true;
  });
}

test('a read shows what was written before it, also by another process, and comes from the replica', async () => {
  await untilUsed();
  const before = await readThere();
  await Promise.all([readsAfterWrites('marty', app), readsAfterWrites('lorraine', plain)]);
  expect(await readThere()).toBeGreaterThan(before);
});

test('each reading route answers from the replica as from the primary', async () => {
  const id = await identify('doc@hillvalley.edu');
  await app.client.send(
    'POST',
    '/identify',
    { email: 'doc@hillvalley.edu', phoneNumber: '1' },
    authorization,
  );
  for (const path of [
    `/contacts/${id}`,
    `/contacts/${id}?at=${new Date().toISOString()}`,
    `/contacts/${id}/evidence`,
    `/contacts/${id}/evidence?to=${id + 1}`,
    `/contacts/${id}/history`,
    `/merges?contactId=${id}`,
    '/rules',
    `/rules?contactId=${id}`,
    '/identities?limit=3',
    '/identities?order=size&limit=3',
  ]) {
    const expected = await plain.client.send('GET', path, undefined, authorization);
    expect(expected.status).toBe(200);
    const before = await readThere();
    await until(async () => {
      const { status, body } = await app.client.send('GET', path, undefined, authorization);
      expect({ path, status, body }).toEqual({ path, status: 200, body: expected.body });
      return (await readThere()) > before;
    });
  }
});

test('a tenant sees nothing of another one there', async () => {
  const id = await identify('einstein@hillvalley.edu');
  const before = await readThere();
  await until(async () => {
    expect(await lookUp('einstein@hillvalley.edu', ofAnother)).toEqual([]);
    return (await readThere()) > before;
  });
  const { status } = await app.client.send('GET', `/contacts/${id}`, undefined, ofAnother);
  expect(status).toBe(404);
});

test('while the replica is behind, reads use the primary, and its lag is measured', async () => {
  await command('select pg_wal_replay_pause()');
  try {
    const id = await identify('biff@hillvalley.edu');
    const before = await readThere();
    expect(await lookUp('biff@hillvalley.edu')).toEqual([id]);
    expect(await readThere()).toBe(before);
    await until(async () => (await lag()) > 0);
    await app.client.send('DELETE', `/contacts/${id}`, undefined, authorization);
    expect(await lookUp('biff@hillvalley.edu')).toEqual([]);
    expect(await readThere()).toBe(before);
  } finally {
    await command('select pg_wal_replay_resume()');
  }
  await untilUsed();
  await until(async () => (await lag()) === 0);
});

test('a read that fails there is not tried there again while the replica is behind', async () => {
  const sources = app.get(ReadSources);
  let id = 0;
  /** Fails in the replica, which falls behind just then; otherwise the first primaries from that of the last call on. */
  const read = async ({ lists }: ReadSource): Promise<readonly number[]> => {
    if (id === 0 && lists !== app.get(IdentityLists)) {
      await command('select pg_wal_replay_pause()');
      id = await identify('needles@hillvalley.edu');
      throw new DatabaseUnavailableError('restarting', { cause: { code: '57P01' } });
    }
    return lists.primariesAfter(DEFAULT_TENANT_ID, id - 1, 1);
  };
  try {
    let found: readonly number[] = [];
    await until(async () => {
      found = await sources.read(DEFAULT_TENANT_ID, read);
      return id > 0;
    });
    expect(found).toEqual([id]);
  } finally {
    await command('select pg_wal_replay_resume()');
  }
});

test('while the replica is away, reads use the primary, and the service stays ready', async () => {
  await untilUsed();
  await replica.kill();
  for (let i = 0; i < 5; i++) {
    const id = await identify(`jennifer${i}@hillvalley.edu`);
    expect(await lookUp(`jennifer${i}@hillvalley.edu`)).toEqual([id]);
  }
  expect(await app.client.send('GET', '/health/ready')).toMatchObject({ status: 200 });
  await replica.restart();
  await untilUsed();
});

describe('a replica that can not be asked in time', () => {
  const here = use(() => openOne(guarded.serviceUrl), close);
  const there = use(() => openOne(onReplica(guarded.serviceUrl)), close);
  const reads = use(() => openReads(here, there), closeReads);

  let stopped: number | null = null;

  afterEach(() => {
    if (stopped !== null) {
      process.kill(stopped, 'SIGCONT');
      stopped = null;
    }
  });

  test('is waited for no longer, though it never answers', async () => {
    const session = openSession(there.orm.em);
    const [row] = await session.query([{ name: 'own_pid', text: 'select pg_backend_pid() as pid' }], null);
    stopped = row!.pid as number;
    process.kill(stopped, 'SIGSTOP');
    expect(await reads.isFresh()).toBe(false);
  });

  test('is left alone for a second, also if it could be asked again', async () => {
    await until(() => reads.isFresh());
    const now = performance.now();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(now);
    try {
      await command('select pg_wal_replay_pause()');
      await identify('strickland@hillvalley.edu');
      expect(await reads.isFresh()).toBe(false);
      await command('select pg_wal_replay_resume()');
      await untilShown();
      clock.mockReturnValue(now + 999);
      expect(await reads.isFresh()).toBe(false);
      clock.mockReturnValue(now + 1_000);
      expect(await reads.isFresh()).toBe(true);
    } finally {
      clock.mockRestore();
    }
  });
});

describe('a replica that has followed its primary so far', () => {
  /** An address that moves with a failover. */
  const address = use(
    () => TcpProxy.start(primary.url),
    (proxy) => proxy.close(),
  );
  const here = use(() => openOne(address.through(guarded.serviceUrl)), close);
  const there = use(() => openOne(onReplica(guarded.serviceUrl)), close);
  const reads = use(() => openReads(here, there), closeReads);
  const next = use(
    () => primary.replicate(),
    (server) => server.stop(),
  );

  test('is used while the primary rests after it has begun a new file of its log', async () => {
    await command('select pg_switch_wal()', guarded.database.url);
    await untilShown();
    expect(await reads.isFresh()).toBe(true);
  });

  test('is not used after a failover to a server that had less, although its own position is larger', async () => {
    await command('select pg_promote()', next.url);
    await identify('griff@hillvalley.edu');
    await untilShown();
    // from here on only the question itself can tell
    reads.onModuleDestroy();
    address.moveTo(next.url);
    await until(() => answers(here));
    expect(await reads.isFresh()).toBe(false);
    reads.onApplicationBootstrap();
    await until(() => reads.trouble !== null);
    expect(reads.trouble).toMatch(/^DATABASE_REPLICA_URL does not follow DATABASE_URL since its failover/);
    expect(await reads.isFresh()).toBe(false);
  });
});

describe('a database that can not stand for the primary is not read', () => {
  const elsewhere = useDatabase();

  test.each([
    ['DATABASE_REPLICA_URL names no replica', () => guarded.serviceUrl, () => guarded.serviceUrl],
    [
      'DATABASE_REPLICA_URL names a database that does not follow DATABASE_URL',
      () => elsewhere.url,
      () => onReplica(guarded.database.url),
    ],
  ])('%s', async (trouble, url, replicaUrl) => {
    await using other = await startApp({ DATABASE_URL: url(), DATABASE_REPLICA_URL: replicaUrl() });
    await until(() => other.get(ReadReplica).trouble === trouble);
    const { status } = await other.client.send('POST', '/lookup', { email: 'doc@hillvalley.edu' });
    expect(status).toBe(200);
    expect(await readThere(other)).toBe(0);
  });
});

import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { startApp } from '../../support/app.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';

// What a pooler that gives out connections by transaction does not take: settings that come with the connection,
// prepared statements that outlive a transaction, and a tenant that is named for longer than one.

let database: TestDatabase;
let server: Server;
let sent: Buffer[][];

beforeAll(async () => {
  database = await createDatabase();
  const { hostname, port } = new URL(database.url);
  server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    sent.push(chunks);
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  server.close();
  await database.drop();
});

interface Recording {
  /** Names of the settings that connections were opened with. */
  readonly startup: Set<string>;
  /** Names of the statements that were prepared. */
  readonly prepared: Set<string>;
  /** Statements sent as plain text. */
  readonly plain: string[];
}

async function record(env: Record<string, string>): Promise<Recording> {
  sent = [];
  await database.clear();
  const { port } = server.address() as AddressInfo;
  const url = Object.assign(new URL(database.url), { hostname: '127.0.0.1', port: String(port) }).href;
  const app = await startApp({ DATABASE_URL: url, ...env });
  await app.client.identify({ email: 'lorraine@hillvalley.edu' });
  await app.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '123456' });
  await app.client.find(1);
  await app.close();
  const recording: Recording = { startup: new Set(), prepared: new Set(), plain: [] };
  sent.forEach((chunks) => read(Buffer.concat(chunks), recording));
  return recording;
}

/** Takes apart what a client sent: https://www.postgresql.org/docs/current/protocol-message-formats.html */
function read(bytes: Buffer, { startup, prepared, plain }: Recording): void {
  let at = bytes.readInt32BE(0);
  const settings = bytes
    .subarray(8, at - 2)
    .toString()
    .split('\0');
  settings.filter((_, i) => i % 2 === 0).forEach((name) => startup.add(name));
  while (at < bytes.length) {
    const type = String.fromCharCode(bytes[at]!);
    const end = at + 1 + bytes.readInt32BE(at + 1);
    const [first = ''] = bytes
      .subarray(at + 5, end)
      .toString()
      .split('\0');
    if (type === 'P') prepared.add(first);
    if (type === 'Q') plain.push(first);
    at = end;
  }
}

test('through a pooler nothing is sent that outlives a transaction', async () => {
  const { startup, prepared, plain } = await record({ DATABASE_POOLER: 'transaction' });
  expect(
    [...startup].filter(
      (name) => !['user', 'database', 'client_encoding', 'application_name'].includes(name),
    ),
  ).toEqual([]);
  expect([...prepared]).toEqual(['']);
  const begun = plain.filter((text) => text.startsWith('begin'));
  expect(begun.length).toBeGreaterThanOrEqual(3);
  expect(new Set(begun)).toEqual(new Set(['begin; set local identity.tenant_id = 1']));
  expect(plain.filter((text) => /^set (?!local)/.test(text))).toEqual([]);
});

test('without one, statements stay prepared and connections carry their limits and the tenant', async () => {
  const { startup, prepared, plain } = await record({});
  expect([...startup]).toEqual(expect.arrayContaining(['options', 'statement_timeout', 'lock_timeout']));
  expect([...prepared]).toEqual(expect.arrayContaining(['contact_load', 'contact_insert']));
  expect(new Set(plain.filter((text) => /^(begin|set)/.test(text)))).toEqual(new Set(['begin']));
});

test('on Citus each transaction names the tenant in a statement of its own, which it passes on', async () => {
  const { prepared, plain } = await record({ DATABASE_ENGINE: 'citus' });
  expect([...prepared]).toEqual(expect.arrayContaining(['contact_load', 'contact_insert']));
  const begun = plain.flatMap((text, i) => (text === 'begin' ? [plain.slice(i + 1, i + 3)] : []));
  expect(begun.length).toBeGreaterThanOrEqual(3);
  expect(new Set(begun.flat())).toEqual(
    new Set(["set local citus.propagate_set_commands = 'local'", 'set local identity.tenant_id = 1']),
  );
});

test('readiness asks on a connection that is opened like those that serve', async () => {
  sent = [];
  const { port } = server.address() as AddressInfo;
  const url = Object.assign(new URL(database.url), { hostname: '127.0.0.1', port: String(port) }).href;
  const app = await startApp({ DATABASE_URL: url, DATABASE_ENGINE: 'postgresql' });
  await app.client.identify({ email: 'jennifer@hillvalley.edu' });
  await app.client.send('GET', '/health/ready');
  await app.close();
  const settings = sent.map((chunks) => {
    const recording: Recording = { startup: new Set(), prepared: new Set(), plain: [] };
    read(Buffer.concat(chunks), recording);
    return [...recording.startup].toSorted();
  });
  expect(settings.length).toBeGreaterThanOrEqual(2);
  expect(settings).toEqual(settings.map(() => expect.arrayContaining(['options', 'statement_timeout'])));
});

test('options of the URL are kept beside the service’s own', async () => {
  const url = new URL(database.url);
  url.searchParams.set('options', '-c work_mem=7MB');
  await using app = await startApp({ DATABASE_URL: url.href });
  await app.client.identify({ email: 'doc@hillvalley.edu' });
  const { ormOptions } = await import('../../../mikro-orm.config.js');
  const { Settings } = await import('../../../src/config/settings.js');
  const { driverOptions } = ormOptions(new Settings({ DATABASE_URL: url.href }), 'serve') as {
    driverOptions: { connectionString: string };
  };
  expect(new URL(driverOptions.connectionString).searchParams.get('options')).toBe(
    '-c work_mem=7MB -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off -c identity.tenant_id=1',
  );
  const ofCluster = ormOptions(
    new Settings({ DATABASE_URL: url.href, DATABASE_ENGINE: 'citus' }),
    'serve',
  ) as {
    driverOptions: { connectionString: string };
  };
  expect(new URL(ofCluster.driverOptions.connectionString).searchParams.get('options')).toBe(
    '-c work_mem=7MB -c enable_seqscan=off -c enable_bitmapscan=off',
  );
});

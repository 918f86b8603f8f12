import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { migrate } from '../../src/database/schema/migrate.js';
import { startApp, type RunningApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { administerKeys } from '../support/keys.js';
import { exchange } from '../support/raw-socket.js';

// A key that is not taken tells nothing about which keys there are, and nobody is told a key is wrong that may be right.

let database: TestDatabase;
let app: RunningApp;
/** By what is wrong with them. */
let invalid: Record<string, string>;
let good: string;

beforeAll(async () => {
  database = await createDatabase();
  const keys = await administerKeys(database.url);
  good = await keys.make();
  const [revoked, expired] = [await keys.make(), await keys.make({ expiresAt: new Date(Date.now() - 1000) })];
  await keys.revokeKey(idOf(revoked));
  await keys.createTenant('closed');
  const disabled = await keys.make({ tenant: 'closed' });
  await keys.setTenantEnabled('closed', false);
  await keys.close();
  const wrong = 'A'.repeat(43);
  invalid = {
    unknown: `idr_aaaaaaaaaaaa_${wrong}`,
    'of another secret': `idr_${idOf(good)}_${wrong}`,
    'of the secret of another': `idr_${idOf(good)}_${revoked.slice(17)}`,
    revoked,
    'revoked and of another secret': `idr_${idOf(revoked)}_${wrong}`,
    expired,
    'of a disabled tenant': disabled,
    'of no form': 'secret',
    'too long': `${good}A`,
    huge: 'A'.repeat(8000),
    empty: '',
    'two at once': `${good}, ${good}`,
  };
  app = await startApp({ DATABASE_URL: database.url, AUTH_MODE: 'api-key', MAX_EVENT_LOOP_DELAY_MS: '0' });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

function idOf(key: string): string {
  return key.slice(4, 16);
}

/** All bytes of the answer, but for its date. */
async function answerTo(...headers: string[]): Promise<string> {
  const lines = ['GET /contacts/1 HTTP/1.1', 'Host: x', 'X-Request-Id: 1', ...headers, '', ''];
  return (await exchange(app.client.url, lines.join('\r\n'))).replace(/^date: .*\r\n/im, '');
}

test.each(['X-API-Key: ', 'Authorization: Bearer '])(
  'every key that is not valid gets the same bytes: %s',
  async (name) => {
    const [first, ...others] = await Promise.all(
      Object.values(invalid).map((key) => answerTo(`${name}${key}`)),
    );
    expect(first).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n[^]*"detail":"The API key is not valid\."/);
    expect(new Set(others)).toEqual(new Set([first]));
  },
);

test.each([
  [
    'two keys, one in each header, the one of Authorization wrong',
    (key: string) => ['Authorization: Bearer x', `X-API-Key: ${key}`],
  ],
  ['Basic', (key: string) => [`Authorization: Basic ${Buffer.from(`${key}:`).toString('base64')}`]],
  ['a scheme of no name', (key: string) => [`Authorization: ${key}`]],
  ['a word after it', (key: string) => [`Authorization: Bearer ${key} x`]],
])('a good key that is not sent as it should be is not taken: %s', async (_, headers) => {
  expect(await answerTo(...headers(good))).toMatch(/^HTTP\/1\.1 401 /);
});

test.each([
  ['X-API-Key twice', (key: string) => [`X-API-Key: ${key}`, `x-api-key: ${key}`]],
  [
    'Authorization twice, the first wrong',
    (key: string) => ['Authorization: Bearer x', `Authorization: Bearer ${key}`],
  ],
])(
  'a good key beside another one in the same header is refused before it is looked at: %s',
  async (_, headers) => {
    expect(await answerTo(...headers(good))).toMatch(/^HTTP\/1\.1 400 /);
  },
);

test('a key in the path or the query is none', async () => {
  for (const path of [`/contacts/1?api_key=${good}&x-api-key=${good}`, `/contacts/${good}`]) {
    expect((await app.client.send('GET', path)).status).toBe(401);
  }
});

test('while keys can’t be looked up callers are told to come again, and not that theirs is wrong', async () => {
  const name = `late_${Math.random().toString(36).slice(2)}`;
  const url = Object.assign(new URL(database.url), { pathname: `/${name}` }).href;
  const waiting = await startApp({ DATABASE_URL: url, AUTH_MODE: 'api-key', MAX_EVENT_LOOP_DELAY_MS: '0' });
  const call = (key: string) => waiting.client.send('GET', '/contacts/1', undefined, { 'x-api-key': key });
  for (const key of [good, invalid.unknown!, invalid.revoked!]) {
    const reply = await call(key);
    expect(reply).toMatchObject({ status: 503, body: { type: 'urn:problem:database-unavailable' } });
    expect(reply.headers.get('retry-after')).toBe('1');
  }
  expect((await call('of no form')).status).toBe(401);
  // And as soon as they can be, they are.
  await database.query(`create database ${name}`);
  await migrate(ormOptions(new Settings({ DATABASE_URL: url }), 'migrate'));
  const keys = await administerKeys(url);
  expect((await call(await keys.make())).status).toBe(404);
  await keys.close();
  await waiting.close();
  await database.query(`drop database ${name} with (force)`);
});

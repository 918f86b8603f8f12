import { Agent } from 'node:http';
import { startApp, type RunningApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { administerKeys } from '../support/keys.js';
import { sendRaw, type RawReply } from '../support/raw-call.js';
import { exchange } from '../support/raw-socket.js';

const ELSEWHERE = 'https://elsewhere.example';

let database: TestDatabase;
let app: RunningApp;
let key: string;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  database = await createDatabase();
  const keys = await administerKeys(database.url);
  key = await keys.make();
  await keys.close();
  app = await startApp({ DATABASE_URL: database.url, AUTH_MODE: 'api-key', MAX_EVENT_LOOP_DELAY_MS: '0' });
  await app.client.identify({ phoneNumber: '1' }, { 'x-api-key': key });
});

afterAll(async () => {
  agent.destroy();
  await app.close();
  await database.drop();
});

async function call(method: string, path: string, headers: Record<string, string> = {}): Promise<RawReply> {
  const sent = Object.entries({ origin: ELSEWHERE, 'x-api-key': key, ...headers });
  const reply = await sendRaw(agent, app.client.url, { method, path, headers: sent, body: null });
  expect(reply).not.toBeNull();
  return reply!;
}

const ANSWERS: [method: string, path: string, status: number][] = [
  ['GET', '/contacts/1', 200],
  ['HEAD', '/contacts/1', 200],
  ['GET', '/contacts/x', 400],
  ['GET', '/contacts/99', 404],
  ['DELETE', '/contacts/99', 404],
  ['POST', '/identify', 415],
  ['GET', '/nowhere', 404],
  ['GET', '/health/ready', 200],
  ['GET', '/docs', 200],
  ['GET', '/docs/swagger-ui.css', 200],
  ['GET', '/docs/start.js', 200],
  ['GET', '/docs/nowhere', 404],
  ['GET', '/openapi.json', 200],
  ['GET', '/openapi.yaml', 200],
  ['OPTIONS', '/identify', 404],
  ['TRACE', '/identify', 404],
];

const PAGES = ['/docs', '/docs/swagger-ui.css', '/docs/start.js', '/openapi.json', '/openapi.yaml'];

test.each(ANSWERS)('no answer is sniffed or tells of the service: %s %s %i', async (method, path, status) => {
  const { headers, ...reply } = await call(method, path);
  expect(reply.status).toBe(status);
  expect(headers['x-content-type-options']).toBe('nosniff');
  // Neither what it is made of, nor leave to read for pages from elsewhere, nor a promise for the whole domain.
  const told = Object.keys(headers).filter((name) =>
    /^(server|via|x-powered-by|access-control-.*|strict-transport-security|set-cookie)$/.test(name),
  );
  expect(told).toEqual([]);
});

test.each(PAGES)('a page tells browsers to keep it to itself: %s', async (path) => {
  expect((await call('GET', path)).headers).toMatchObject({
    'content-security-policy':
      "default-src 'self';style-src 'self' 'unsafe-inline';img-src 'self' data:;base-uri 'none';form-action 'none';frame-ancestors 'none';object-src 'none'",
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  });
});

test.each(['/contacts/1', '/contacts/99', '/nowhere', '/health', '/health/ready'])(
  'no cache keeps an answer: %s',
  async (path) => {
    expect((await call('GET', path)).headers['cache-control']).toBe('no-store');
    expect((await call('GET', path, { 'x-api-key': 'wrong' })).headers['cache-control']).toBe('no-store');
  },
);

test.each([
  'NONSENSE\r\n\r\n',
  'GET /health HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n',
  'GET /contacts/%zz HTTP/1.1\r\nHost: x\r\n\r\n',
  `GET /contacts/${'1'.repeat(500)} HTTP/1.1\r\nHost: x\r\n\r\n`,
])('what is refused before it is routed is neither sniffed nor kept: %#', async (bytes) => {
  const answer = await exchange(app.client.url, bytes);
  expect(answer).toMatch(/\r\nx-content-type-options: nosniff\r\n/i);
  expect(answer).toMatch(/\r\ncache-control: no-store\r\n/i);
});

test('a page from elsewhere is not given leave to call', async () => {
  const reply = await call('OPTIONS', '/identify', {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'x-api-key',
  });
  expect(reply.status).toBe(404);
  expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test('Swagger UI needs nothing that its own policy forbids', async () => {
  const { body } = await call('GET', '/docs');
  const scripts = [...body.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)];
  expect(scripts.length).toBe(2);
  for (const [, attributes, inline] of scripts) {
    expect([attributes, inline!.trim()]).toEqual([expect.stringMatching(/src="\.?\/?docs\//), '']);
  }
  expect(body).not.toMatch(/\son\w+=|javascript:/);
  // nosniff: a script of another type would not be run
  for (const [, attributes] of scripts) {
    const path = new URL(/src="([^"]+)"/.exec(attributes!)![1]!, `${app.client.url}/docs`).pathname;
    expect((await call('GET', path)).headers['content-type']).toMatch(/^(text|application)\/javascript/);
  }
});

test('HEAD answers like GET without a body, and asks for the same key', async () => {
  const [get, head] = [await call('GET', '/contacts/1'), await call('HEAD', '/contacts/1')];
  expect(head).toMatchObject({ status: get.status, body: '' });
  expect(head.headers['content-length']).toBe(get.headers['content-length']);
  expect((await call('HEAD', '/contacts/1', { 'x-api-key': '' })).status).toBe(401);
});

test('TRACE does not send back what it was sent', async () => {
  expect((await call('TRACE', '/identify')).body).not.toContain(key);
});

test('the service is no proxy', async () => {
  expect(
    await exchange(app.client.url, 'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'),
  ).not.toMatch(/^HTTP\/1\.1 2/);
});

test.each([
  '/docs/..%2f..%2fpackage.json',
  '/docs/%2e%2e/%2e%2e/package.json',
  '/docs/../package.json',
  '/docs//etc/passwd',
])('no file but those of Swagger UI is served: %s', async (path) => {
  const { status, headers, body } = await call('GET', path);
  expect([403, 404]).toContain(status);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(body).not.toMatch(/node_modules|identity-reconciliation"/);
});

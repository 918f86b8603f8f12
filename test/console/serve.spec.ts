import { Agent } from 'node:http';
import { startApp } from '../support/app.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { sendRaw, type RawReply } from '../support/raw-call.js';

// `npm run build` has built it.

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
const agent = new Agent();

/** The addresses that a page loads first. */
function assetsOf(html: string): string[] {
  return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
}

async function page(path: string): Promise<{ body: string; headers: Headers }> {
  const reply = await app.client.send<string>('GET', path);
  expect(reply).toMatchObject({ status: 200, headers: expect.anything() });
  return reply;
}

test('the root leads to the console', async () => {
  expect((await page('/')).body).toContain('<title>Identity console</title>');
});

test.each(['/console', '/console/', '/console/identities/1?tab=history', '/console/nowhere'])(
  'every address below it answers with the page, which no cache keeps: %s',
  async (path) => {
    const { body, headers } = await page(path);
    expect(body).toContain('<title>Identity console</title>');
    expect(headers.get('cache-control')).toBe('no-store');
  },
);

test('the page allows scripts and styles of this host alone, and styles with a nonce of this answer', async () => {
  const [one, other] = [await page('/console'), await page('/console')];
  const policy = one.headers.get('content-security-policy')!;
  const nonce = /'nonce-([^']{22,})'/.exec(policy)![1]!;
  expect(policy).toBe(
    `default-src 'none';script-src 'self';style-src 'self' 'nonce-${nonce}';img-src 'self' data:;font-src 'self';connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none';object-src 'none'`,
  );
  expect(one.body).toContain(`nonce="${nonce}"`);
  expect(one.body).not.toContain('__NONCE__');
  expect(other.headers.get('content-security-policy')).not.toContain(nonce);
  expect(Object.fromEntries(one.headers)).toMatchObject({
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  });
});

async function get(path: string, encoding: string): Promise<RawReply> {
  const headers = [['accept-encoding', encoding] as const];
  return (await sendRaw(agent, app.client.url, { method: 'GET', path, headers, body: null }))!;
}

test('what has a hash in its name is kept for good, and packed for who takes that', async () => {
  const assets = assetsOf((await page('/console')).body);
  expect(assets.length).toBeGreaterThan(2);
  for (const path of assets) {
    const [plain, packed] = [await get(path, 'identity'), await get(path, 'br, gzip')];
    expect(plain.status).toBe(200);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(packed.headers).toMatchObject({
      'content-encoding': 'gzip',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      'content-type': plain.headers['content-type'],
    });
  }
});

test.each([
  ['gzip;q=0', undefined],
  ['gzip ; Q=0.000, br', undefined],
  ['gzip;q=0.5', 'gzip'],
  ['br;q=0, gzip', 'gzip'],
])('whoever accepts %s gets the encoding %s', async (accepted, encoding) => {
  const [path] = assetsOf((await page('/console')).body);
  const { status, headers } = await get(path!, accepted);
  expect([status, headers['content-encoding']]).toEqual([200, encoding]);
});

test('the scripts that the first page loads have at most 250 KB, packed', async () => {
  const scripts = assetsOf((await page('/console')).body).filter((path) => path.endsWith('.js'));
  const sizes = await Promise.all(
    scripts.map(async (path) => Number((await get(path, 'gzip')).headers['content-length'])),
  );
  const sum = sizes.reduce((total, size) => total + size, 0);
  expect(sum).toBeGreaterThan(50_000);
  expect(sum).toBeLessThanOrEqual(250 * 1024);
});

test.each(['nowhere.js', '..%2findex.html', '../index.html', '%2e%2e/index.html', ''])(
  'no file but the assets is served: /console/assets/%s',
  async (name) => {
    const { status, headers } = await get(`/console/assets/${name}`, 'identity');
    expect(status).toBe(404);
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  },
);

test('without the console, the root leads to the documentation', async () => {
  await using bare = await startApp({ DATABASE_URL: database.url, CONSOLE_ENABLED: 'false' });
  expect((await bare.client.send<string>('GET', '/')).body).toContain('swagger-ui');
  expect((await bare.client.send('GET', '/console')).status).toBe(404);
});

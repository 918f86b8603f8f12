// `npm run console:pictures`: renews the pictures of docs/console.md and of the README. It starts the built service on an empty
// folder, loads the sample people as a person does, and photographs the pages.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const TARGET = 'docs/pictures';
const PAGES = [
  ['search', '', 'Find a person', 640],
  ['person', 'identities/5', 'Person 5', 1060],
  ['undo', 'merges/1/undo?contact=3', 'Undo merge 1', 560],
  ['reviews', 'reviews', 'Reviews', 560],
  ['suspicious', 'suspicious', 'Suspicious people', 460],
  ['erase', 'privacy?contact=1', 'Privacy', 900],
  ['events', 'events', 'Events', 760],
  ['webhook', 'events/webhooks/1', 'Webhook 1', 660],
  ['audit', 'audit', 'Audit', 600],
  ['keys', 'keys', 'Keys', 960],
];

const work = mkdtempSync(join(tmpdir(), 'console-pictures-'));
const service = spawn(process.execPath, ['dist/src/main.js'], {
  env: {
    PATH: process.env.PATH,
    PORT: '0',
    METRICS_PORT: 'off',
    MAX_EVENT_LOOP_DELAY_MS: '0',
    NO_COLOR: '1',
    DATA_DIR: join(work, 'data'),
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1/32',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
// takes some events, and is too busy for others
let taken = 0;
const receiver = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.writeHead(++taken > 4 ? 503 : 204).end());
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const executablePath = execFileSync('scripts/chromium.sh', { encoding: 'utf8' }).trim();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const baseURL = await addressOf(service);
  mkdirSync(TARGET, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({
      baseURL,
      colorScheme,
      locale: 'en-GB',
      timezoneId: 'Europe/London',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    await page.goto('/console');
    if (colorScheme === 'light') {
      await page.getByRole('button', { name: 'Load sample people' }).click();
    }
    await page.getByRole('link', { name: 'Person 1', exact: true }).waitFor();
    if (colorScheme === 'light') {
      await fillWebhook(baseURL);
      await fillKeys(baseURL);
    }
    for (const [name, path, heading, height] of PAGES) {
      await page.setViewportSize({ width: 1180, height });
      await page.goto(`/console/${path}`);
      await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: `${TARGET}/console-${name}-${colorScheme}.png` });
    }
    await context.close();
  }
} finally {
  await browser.close();
  receiver.close();
  service.kill('SIGTERM');
  await new Promise((resolve) => service.once('exit', resolve));
  rmSync(work, { recursive: true });
}

/** A webhook, and the first attempts to send it what has happened. */
async function fillWebhook(baseURL) {
  const url = `http://127.0.0.1:${receiver.address().port}/hooks/identities`;
  const { id } = await post(baseURL, '/webhooks', { url, description: 'Keeps the CRM in step' });
  await post(baseURL, `/webhooks/${id}/replay`, { state: null });
  let open;
  do {
    const { deliveries } = await (await fetch(`${baseURL}/webhooks/${id}/deliveries`)).json();
    open = deliveries.some(({ attempts }) => attempts === 0);
  } while (open);
}

/** Three keys, which nobody has used yet, and a blocked value. */
async function fillKeys(baseURL) {
  const expiresAt = new Date(Date.now() + 365 * 86_400_000).toISOString();
  for (const [name, scopes, reason] of [
    ['shop', ['identify'], 'The new shop'],
    ['Lorraine, support', ['read', 'curate'], 'She began today'],
    ['George, privacy', ['read', 'erase'], 'Answers requests'],
  ]) {
    await post(baseURL, '/keys', { name, scopes, expiresAt, reason });
  }
  const blocked = { kind: 'email', pattern: 'noreply@*', existing: 'keep' };
  await post(baseURL, '/blocked-values', { ...blocked, reason: 'Nobody reads it' });
}

async function post(baseURL, path, body) {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(baseURL + path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
}

async function addressOf({ stdout }) {
  let output = '';
  for await (const chunk of stdout) {
    output += chunk;
    const address = /Listening on (http:\/\/[\d.:]+)/.exec(output)?.[1];
    if (address !== undefined) {
      return address;
    }
  }
  throw new Error(`the service did not start:\n${output}`);
}

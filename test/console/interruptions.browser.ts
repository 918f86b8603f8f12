import type { Page } from 'playwright-core';
import { SCOPES } from '../../src/access/scope.js';
import { useDatabase } from '../support/hooks.js';
import { bringPeople, PEOPLE } from './people.js';
import { useConsole, type OpenConsole } from './use-console.js';

// What becomes of the work if a session ends. One test goes on where the last one ended.

const opened = useConsole(
  useDatabase(),
  {
    ERASURE_KEY: 'a key of this test, which is long enough',
    WEBHOOK_KEY: 'another one, which is long enough',
  },
  'steward',
  ({ client }, headers) => bringPeople(client, headers),
);
let { keys, key, context, page } = {} as OpenConsole;
beforeAll(async () => {
  ({ keys, key, context, page } = opened);
  await page.goto('/console');
  await signIn(page, key);
  await heading('Find a person');
});

const heading = (name: string): Promise<void> => page.getByRole('heading', { name, level: 1 }).waitFor();

async function signIn(window: Page, secret: string): Promise<void> {
  await window.getByLabel('API key').fill(secret);
  await window.keyboard.press('Enter');
}

async function open(path: string, name: string): Promise<void> {
  await page.goto(`/console${path.replace('?', '#?')}`);
  await heading(name);
}

const follow = (name: string): Promise<void> => page.getByRole('link', { name, exact: true }).click();

/** Goes to another window and comes back. */
async function lookElsewhere(): Promise<void> {
  const answer = page.waitForResponse('**/console/session');
  await page.evaluate(`
    for (const value of ['hidden', 'visible']) {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }`);
  await answer;
}

test('a session that ends in the middle of a change leads to the key, and the key back to the page', async () => {
  await open('/reviews', 'Reviews');
  const review = page.getByRole('article', { name: 'Review 1' });
  await review.waitFor();
  await page.getByLabel('Reason').fill('Mother and daughter');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Keep apart' }).click();
  await page.getByLabel('API key').waitFor();
  await Promise.all([page.waitForResponse('**/reviews?*'), signIn(page, key)]);
  await review.waitFor();
  expect(await page.getByLabel('API key').count()).toBe(0);
});

test('a form that no list is read for leads to the key too', async () => {
  await open('/privacy', 'Privacy');
  await page.getByLabel('Contact of the person').fill(String(PEOPLE.shop));
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByText('This removes 8 contacts').waitFor();
  await context.clearCookies();
  await page.getByRole('button', { name: 'Download as JSON' }).click();
  await signIn(page, key);
  await heading('Privacy');
});

test('whoever signs in next sees nothing of what was read before', async () => {
  await follow('Search');
  await page.getByText('lorraine@hillvalley.edu').first().waitFor();
  await context.clearCookies();
  await follow('Policy');
  await keys.createTenant('elsewhere');
  const secret = await keys.make({ tenant: 'elsewhere', scopes: SCOPES });
  await signIn(page, secret);
  await heading('Policy');
  await page.route('**/identities?*', () => undefined);
  await follow('Search');
  await page.getByRole('status', { name: 'Loading' }).waitFor();
  expect(await page.content()).not.toContain('lorraine@');
  await page.unroute('**/identities?*');
});

test('somebody else who signs in in another window is noticed', async () => {
  await page.getByText('There is nobody yet.').waitFor();
  const other = await context.newPage();
  await other.goto('/console');
  await other.getByRole('button', { name: 'Sign out' }).click();
  await signIn(other, key);
  await other.getByText('steward · default').waitFor();
  await other.close();
  await lookElsewhere();
  await page.getByText('steward · default').waitFor();
  await page.getByText('lorraine@hillvalley.edu').first().waitFor();
});

test('a sign-out that the service does not answer is told, and whoever did it is still there', async () => {
  await page.route('**/console/session', (route) =>
    route.request().method() === 'DELETE' ? route.fulfill({ status: 503, body: '' }) : route.continue(),
  );
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are still signed in.').waitFor();
  await heading('Find a person');
  await page.unroute('**/console/session');
});

import type { Page } from 'playwright-core';
import { SCOPES } from '../../src/access/scope.js';
import { useDatabase } from '../support/hooks.js';
import { bringPeople, PEOPLE } from './people.js';
import { useConsole, type OpenConsole } from './use-console.js';

// What becomes of the work if a session ends, the service does not answer, or the reader looks elsewhere. One test goes on where the
// last one ended.

const opened = useConsole(
  useDatabase(),
  {
    ERASURE_KEY: 'a key of this test, which is long enough',
    WEBHOOK_KEY: 'another one, which is long enough',
  },
  'steward',
  ({ client }, headers) => bringPeople(client, headers),
);
let { keys, key, app, context, page } = {} as OpenConsole;
beforeAll(async () => {
  ({ keys, key, app, context, page } = opened);
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

/** Goes to another window and comes back. What the page asks for then, but for the session. */
async function lookElsewhere(): Promise<string[]> {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const answer = page.waitForResponse('**/console/session');
  await page.evaluate(`
    for (const value of ['hidden', 'visible']) {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }`);
  await answer;
  page.removeAllListeners('request');
  return asked.filter((call) => call !== 'GET /console/session');
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

test('what was read stays if it can not be read again; so does a secret that is shown once', async () => {
  await app.client.send('POST', '/webhooks', { url: 'https://hillvalley.edu' }, { 'x-api-key': key });
  await open('/events/webhooks/1', 'Webhook 1');
  await page.getByRole('button', { name: 'New secret…' }).click();
  await page.route('**/webhooks/1', (route) => route.abort());
  await page.getByRole('button', { name: 'Make a new secret' }).click();
  await page.getByRole('alert').getByText('The service did not answer').waitFor();
  expect(await page.getByText(/^whsec_/).count()).toBe(1);
  await page.unroute('**/webhooks/1');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('alert').waitFor({ state: 'detached' });
});

test('a list stays if more of it can not be read', async () => {
  await page.route('**/changes?*', async (route) => {
    if (route.request().url().includes('after=')) {
      await route.abort();
      return;
    }
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), next: 'more' } });
  });
  await open('/audit', 'Audit');
  await page.getByRole('button', { name: 'Show earlier ones' }).click();
  await page.getByRole('alert').getByText('The service did not answer').waitFor();
  await page.getByRole('row', { name: /made a rule/ }).waitFor();
  await page.unroute('**/changes?*');
});

test('a call without a network fails at once, and is not made later', async () => {
  await open(`/merge?ids=${PEOPLE.george},${PEOPLE.shop}`, 'Merge people');
  await page.getByLabel('Reason').fill('One customer');
  await context.setOffline(true);
  await page.getByRole('button', { name: 'Merge 2 people' }).click();
  await page.getByRole('alert').getByText('The service did not answer').waitFor();
  await context.setOffline(false);
});

test('the effect of a change that was read is what is confirmed, also after a look elsewhere', async () => {
  await open(`/identities/${PEOPLE.shop}/split?contacts=8`, `Split person ${PEOPLE.shop}`);
  await page.getByLabel('Reason').fill('Two customers');
  await app.client.identify({ email: 'late@hillvalley.edu', phoneNumber: '5550100' }, { 'x-api-key': key });
  await lookElsewhere();
  await page.getByRole('button', { name: 'Split', exact: true }).click();
  await page.getByText('Somebody has changed it meanwhile').waitFor();
});

test('what a change has done stays on the page after a look elsewhere', async () => {
  await open(`/merge?ids=${PEOPLE.lorraine},${PEOPLE.george}`, 'Merge people');
  await page.getByLabel('Reason').fill('One customer');
  await page.getByRole('button', { name: 'Merge 2 people' }).click();
  const undo = page.getByRole('link', { name: /^Undo merge/ });
  await undo.waitFor();
  expect(await lookElsewhere()).toEqual([]);
  await undo.waitFor();
});

test('what is typed into the policy stays after a look elsewhere, though somebody has changed it meanwhile', async () => {
  await open('/policy', 'Policy');
  const limit = page.getByLabel('The most contacts of a person');
  await limit.fill('500');
  const read = await app.client.send<object>('GET', '/policy', undefined, { 'x-api-key': key });
  const headers = { 'x-api-key': key, 'if-match': read.headers.get('etag')! };
  await app.client.send('PUT', '/policy', { ...read.body, maxContacts: 900 }, headers);
  // so that what was read is old enough to be read again
  await page.clock.setSystemTime(Date.now() + 60_000);
  expect(await lookElsewhere()).not.toContain('GET /policy');
  await page.getByText('Somebody has changed the policy meanwhile').waitFor();
  expect(await limit.inputValue()).toBe('500');
});

test('an address that says nothing of the person of a merge says where to choose it', async () => {
  await open('/merges/1/undo?contact=undefined', 'Undo merge 1');
  await page.getByText('Choose the merge on the page of the person.').waitFor();
});

test('the next change of the same person begins anew', async () => {
  await open(`/identities/${PEOPLE.shop}/split?contacts=8`, `Split person ${PEOPLE.shop}`);
  await page.getByLabel('Reason').fill('Two customers');
  await page.evaluate(`location.hash = '#?contacts=9'`);
  await page.getByText('Contact 9 becomes a person of its own.').waitFor();
  expect(await page.getByLabel('Reason').inputValue()).toBe('');
});

test('who was erased is not shown again', async () => {
  await open('/', 'Find a person');
  await page.getByText('goldie@hillvalley.edu').waitFor();
  await page.getByRole('link', { name: `Person ${PEOPLE.shop}`, exact: true }).click();
  await follow('Privacy…');
  await page.getByLabel('Reason').fill('Asked for');
  await page.getByLabel('to confirm').fill(`erase ${PEOPLE.shop}`);
  await page.getByRole('button', { name: `Erase person ${PEOPLE.shop}` }).click();
  await page.getByText(/Erasure \d+ is under way/).waitFor();
  await page.route('**/identities?*', () => undefined);
  await follow('Search');
  await page.getByRole('status', { name: 'Loading' }).waitFor();
  expect(await page.content()).not.toContain('goldie@');
});

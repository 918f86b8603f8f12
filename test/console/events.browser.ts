import type { Page, Request } from 'playwright-core';
import { startApp } from '../support/app.js';
import { use, useDatabase } from '../support/hooks.js';
import { LOOPBACK, startReceiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { check, faultsOf, jumpsOf } from './browser.js';
import { useConsole, type OpenConsole } from './use-console.js';

// The pages about events and webhooks, in a real browser. One test goes on where the last one ended.

const database = useDatabase();
/** What the receiver answers. */
let answer = 204;
const receiver = use(
  () => startReceiver((response) => void response.writeHead(answer).end('said')),
  async (each) => {
    await each[Symbol.asyncDispose]();
  },
);
const opened = useConsole(
  database,
  { WEBHOOK_KEY: 'a key of this test, which is long enough', WEBHOOK_ALLOWED_NETWORKS: LOOPBACK },
  'operator',
  async ({ client }, headers) => {
    for (const email of ['lorraine', 'george', 'marty']) {
      await client.identify(
        { email: `${email}@hillvalley.edu`, phoneNumber: `${email.length}00100` },
        headers,
      );
    }
    await client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '600100' }, headers);
  },
);
let { keys, key, app, browser, page } = {} as OpenConsole;
beforeAll(async () => {
  ({ keys, key, app, browser, page } = opened);
  await signIn(page, key);
});

function identify(sighting: object): Promise<unknown> {
  return app.client.send('POST', '/identify', sighting, { 'x-api-key': key });
}

/** With `events` as the first page that is seen. */
async function signIn(window: Page, secret: string): Promise<void> {
  await window.goto('/console/events');
  await window.getByLabel('API key').fill(secret);
  await window.keyboard.press('Enter');
  await window.getByRole('heading', { name: 'Events', level: 1 }).waitFor();
}

async function open(path: string, name: string): Promise<void> {
  await page.goto(`/console${path.replace('?', '#?')}`);
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

const says = (text: string | RegExp) => page.getByText(text).first().waitFor();
const click = (name: string | RegExp) => page.getByRole('button', { name }).click();
const sentences = () => page.locator('.rows > li p:first-child').allInnerTexts();

const choose = (state: string) =>
  page.getByRole('radiogroup', { name: 'Which deliveries' }).getByText(state, { exact: true }).click();

/** Looks again until so many rows of a table say something. */
const untilShown = (name: RegExp, count: number) =>
  until(async () => {
    await click('Look again');
    return (await page.getByRole('row', { name }).count()) === count;
  });

test('the feed tells what happened, the newest first, in words, with ways to it and the CloudEvent', async () => {
  await says('Person 1 is new');
  expect(await sentences()).toEqual([
    'Person 2 was merged into person 1',
    'Person 3 is new',
    'Person 2 is new',
    'Person 1 is new',
  ]);
  const first = page.getByRole('listitem').first();
  expect(await first.locator('time').getAttribute('title')).toMatch(/^\d{4}-.* UTC$/);
  await first.getByRole('button', { name: /^CloudEvent/ }).click();
  await first.getByText('"specversion": "1.0"').waitFor();
  await first.getByRole('button', { name: 'Copy' }).click();
  expect(await first.getByRole('link', { name: 'Merge 1' }).getAttribute('href')).toBe(
    '/console/identities/1#?tab=merges',
  );
  await first.getByRole('link', { name: 'Person 1' }).click();
  await page.getByRole('heading', { name: 'Person 1' }).waitFor();
  await page.goBack();
});

test('it shows some types only, and what came after an event in order; the address says so', async () => {
  await check(page.getByRole('checkbox', { name: 'Merged' }));
  await says('That is all that is kept.');
  expect(await sentences()).toEqual(['Person 2 was merged into person 1']);
  await check(page.getByRole('checkbox', { name: 'New', exact: true }));
  await page.waitForURL(/#\?types=identity\.created/);
  await says('Person 3 is new');
  await click(/^CloudEvent .*Person 2 is new/);
  const id = /"id": "([^"]+)"/.exec(await page.locator('pre').innerText())![1]!;
  await page.getByLabel('After an event').fill(id);
  await click('Show');
  await page.waitForURL(/after=/);
  await says('Person 3 is new');
  expect(await sentences()).toEqual(['Person 3 is new', 'Person 2 was merged into person 1']);
  await page.getByLabel('After an event').fill('yesterday');
  await click('Show');
  await says(/after must be the next of another page/);
});

test('it follows what happens, as it happens, and says so', async () => {
  await open('/events?live=true', 'Events');
  await says('Following: 0 new events.');
  await identify({ email: 'doc@hillvalley.edu' });
  await says('Person 4 is new');
  await says('Following: 1 new event.');
  expect((await sentences()).slice(0, 2)).toEqual(['Person 4 is new', 'Person 2 was merged into person 1']);
});

/** Whether it waits for events. */
const isCall = (request: Request) => request.url().includes('wait=');

test('it rests while nobody sees the page, and goes on from there', async () => {
  const see = (state: 'hidden' | 'visible') =>
    page.evaluate(`
      Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));`);
  await page.waitForRequest(isCall);
  await Promise.all([page.waitForEvent('requestfailed', isCall), see('hidden')]);
  await app.client.send('DELETE', '/contacts/4', undefined, { 'x-api-key': key });
  await see('visible');
  await says('Contact 4 of person 4 was deleted; nobody is left');
  await says('Following: 2 new events.');
});

test('a webhook is made, and shows its secret this once', async () => {
  await page.getByRole('link', { name: 'Webhooks' }).click();
  await says('There is no webhook yet.');
  await page.getByRole('link', { name: 'New webhook…' }).click();
  await page.getByLabel('URL').fill('http://169.254.169.254/');
  await click('Make it');
  await says(/^url /);
  await page.getByLabel('URL').fill(`${receiver.url}/crm`);
  await page.getByLabel('What it is for').fill('Keeps the CRM in step');
  await page.getByRole('radio', { name: 'only some' }).check();
  await check(page.getByRole('checkbox', { name: 'New', exact: true }));
  await click('Make it');
  await says(/^whsec_/);
  await page.getByRole('link', { name: /Webhook 1: test it/ }).click();
  await page.getByRole('heading', { name: 'Webhook 1' }).waitFor();
  await says('Only: New');
  expect(await page.getByText(/whsec_/).count()).toBe(0);
});

test('a test event says what the receiver said', async () => {
  await click('Send a test event');
  await says('The receiver took it');
  await says(/It answered 204 after \d+ ms\./);
  answer = 503;
  await click('Send a test event');
  await says('The receiver did not take it');
  await page.getByText('said', { exact: true }).waitFor();
});

test('what is given up is listed, and delivered again after it was said what that does', async () => {
  await identify({ email: 'jennifer@hillvalley.edu' });
  await untilShown(/New .* Waiting \d of 10 503/, 1);
  await says(/no success since/);
  await database.query(`update webhook_delivery set state = 'dead', attempts = 10, due_at = null`);
  await choose('Dead letters');
  await page.waitForURL(/state=dead/);
  await page.getByRole('row', { name: /Dead letter 10 of 10 503/ }).waitFor();
  await click('Deliver again…');
  await says(/^This sends the deliveries that were given up\. They keep their ids/);
  answer = 204;
  const form = page.getByRole('form', { name: 'Deliver again' });
  await form.getByRole('button', { name: 'Deliver again' }).click();
  await says('1 delivery is due now.');
  await says('There are none in this state.');
  await choose('Delivered');
  await page.getByRole('row', { name: /Delivered 1 of 10 204/ }).waitFor();
});

test('one event is delivered again, and no other', async () => {
  await identify({ email: 'biff@hillvalley.edu' });
  await choose('All');
  await untilShown(/Delivered 1 of/, 2);
  const count = receiver.received.length;
  const [older] = await database.query<{ id: string }>(
    'select min(event_position)::text as id from webhook_delivery',
  );
  const ids = () => receiver.received.slice(count).map(({ headers }) => headers['webhook-id']);
  await page
    .getByRole('button', { name: /^Deliver again \S/ })
    .last()
    .click();
  await until(() => ids().length > 0);
  await untilShown(/Delivered 1 of/, 2);
  expect(ids().map((id) => String(id).split('-')[1])).toEqual([older!.id]);
});

test('a range of events is delivered again, and no other', async () => {
  type Feed = { events: { id: string; type: string }[] };
  const { body } = await app.client.send<Feed>('GET', '/events?limit=200', undefined, { 'x-api-key': key });
  const place = body.events.findLastIndex(({ type }) => type === 'identity.created') - 1;
  const [after, wanted, before] = body.events.slice(place - 1, place + 2).map(({ id }) => id);
  expect(body.events[place]!.type).toBe('identity.created');
  const count = receiver.received.length;
  const form = page.getByRole('form', { name: 'Deliver again' });
  await form.getByLabel('What').selectOption({ label: 'delivered' });
  await form.getByLabel('After the event').fill(after!);
  await form.getByLabel('Before the event').fill(before!);
  await says(`This sends the deliveries that arrived, of events after ${after} and before ${before}.`);
  await form.getByRole('button', { name: 'Deliver again' }).click();
  await says('1 delivery is due now.');
  await until(() => receiver.received.length > count);
  await untilShown(/Delivered 1 of/, 2);
  expect(
    receiver.received.slice(count).map(({ body: sent }) => (JSON.parse(sent) as { id: string }).id),
  ).toEqual([wanted]);
  await form.getByLabel('After the event').fill('yesterday');
  await form.getByRole('button', { name: 'Deliver again' }).click();
  await form.getByRole('alert').waitFor();
});

test('a new secret is shown once, and the old one signs for a day', async () => {
  await click('New secret…');
  await says(/For 24 hours both secrets sign/);
  await click('Make a new secret');
  await says(/^whsec_/);
  await says(/The one before signs too until/);
  await says(/^Two secrets sign until/);
  await page.reload();
  await page.getByRole('table').waitFor();
  expect(await page.getByText(/whsec_/).count()).toBe(0);
});

test('a webhook is changed, switched off and on, and says why it is off', async () => {
  await click('Edit…');
  await page.getByLabel('What it is for').fill('Keeps the shop in step');
  await page.getByRole('radio', { name: 'all', exact: true }).check();
  await click('Save');
  await says('Keeps the shop in step');
  await says(/^All events; made/);
  await click('Switch off');
  await says(/^by hand, since/);
  await click('Switch on');
  await says('on');
  answer = 410;
  await identify({ email: 'strickland@hillvalley.edu' });
  await open('/events/webhooks', 'Webhooks');
  await until(async () => {
    await page.reload();
    await page.getByRole('table').waitFor();
    return (await page.getByText(/^because it answered 410, since/).count()) === 1;
  });
});

const PAGES = [
  ['/events', 'Events'],
  ['/events/webhooks', 'Webhooks'],
  ['/events/webhooks/new', 'New webhook'],
  ['/events/webhooks/1', 'Webhook 1'],
] as const;

test.each(PAGES)(
  'axe finds nothing wrong with %s, in light and dark; nothing jumps while it loads; a phone shows all of it',
  async (path, name) => {
    await open(path, name);
    await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' });
    const jumps = await jumpsOf(page);
    for (const button of await page
      .getByRole('button', { name: /^(Deliver again…|New secret…|CloudEvent .* 2 is new)$/ })
      .all()) {
      await button.click();
    }
    const faults: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
      // only the colours differ
      faults.push(...(await faultsOf(page, colorScheme === 'dark' ? ['color-contrast'] : null)));
    }
    await page.setViewportSize({ width: 360, height: 740 });
    const isWide = await page.evaluate<boolean>(
      'document.documentElement.scrollWidth > document.documentElement.clientWidth',
    );
    await page.setViewportSize({ width: 1280, height: 900 });
    expect({ faults, jumps, isWide }).toEqual({ faults: [], jumps: [], isWide: false });
  },
);

test('a webhook is deleted after it was said what that means', async () => {
  await open('/events/webhooks/1', 'Webhook 1');
  await click('Delete…');
  await says(/Nobody can undo it/);
  await click('Delete webhook 1');
  await says('There is no webhook yet.');
  await open('/events/webhooks/1', 'Webhook 1');
  await says('There is no webhook 1.');
});

test('who may only follow events begins with them, and is led nowhere else', async () => {
  const follower = await browser.window();
  const other = await follower.newPage();
  await signIn(other, await keys.make({ scopes: ['events'] }));
  await other.getByText('Person 1 is new').waitFor();
  expect(
    await other.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link').allInnerTexts(),
  ).toEqual(['Events']);
  expect(await other.getByRole('listitem').getByRole('link').count()).toBe(0);
  await other.goto('/console');
  await other.getByRole('heading', { name: 'Events' }).waitFor();
  await follower.close();
});

test('a secret that was encrypted with another key is told with what to do', async () => {
  const ids = [await makeWebhook(), await makeWebhook()];
  // each now has one that it can't open
  await database.query(
    'update webhook w set secret = (select secret from webhook where id <> w.id and deleted_at is null limit 1) where deleted_at is null',
  );
  await open(`/events/webhooks/${ids[0]}`, `Webhook ${ids[0]}`);
  await click('Send a test event');
  await says(/Ask an operator for the key that it was made with/);
});

test('a service without events or without a key for webhooks says who can change that', async () => {
  await using bare = await startApp({ DATABASE_URL: database.url, EVENTS_ENABLED: 'false' });
  const visitor = await browser.window({ baseURL: bare.client.url });
  const other = await visitor.newPage();
  await other.goto('/console/events');
  await other.getByText(/This service is set to leave no events/).waitFor();
  await other.goto('/console/events/webhooks/new');
  await other.getByLabel('URL').fill('https://hillvalley.edu/hooks');
  await other.getByRole('button', { name: 'Make it' }).click();
  await other.getByText(/Only an operator can change that/).waitFor();
  await visitor.close();
}, 30_000);

async function makeWebhook(): Promise<number> {
  const body = { url: `${receiver.url}/shop` };
  const reply = await app.client.send<{ id: number }>('POST', '/webhooks', body, { 'x-api-key': key });
  return reply.body.id;
}

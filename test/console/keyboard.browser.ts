import type { Locator } from 'playwright-core';
import { useDatabase } from '../support/hooks.js';
import { LOOPBACK } from '../support/receiver.js';
import { untilChecked } from './browser.js';
import { bringPeople, PEOPLE } from './people.js';
import { useConsole, type OpenConsole } from './use-console.js';

const opened = useConsole(
  useDatabase(),
  { WEBHOOK_KEY: 'a key of this test, which is long enough', WEBHOOK_ALLOWED_NETWORKS: LOOPBACK },
  'support',
  ({ client }, headers) => bringPeople(client, headers),
);
let { key, app, page } = {} as OpenConsole;
beforeAll(() => ({ key, app, page } = opened));

/** More than any page has */
const MAX_STOPS = 80;

/** Whether the box that has the focus is in the frame of the picture. */
const IS_IN_FRAME = `(() => {
  const frame = document.querySelector('.react-flow').getBoundingClientRect();
  const box = document.activeElement.getBoundingClientRect();
  return box.left > frame.left && box.right < frame.right && box.top > frame.top && box.bottom < frame.bottom;
})()`;

/** Goes on with the tab key until it is there. */
async function tabTo(target: Locator): Promise<void> {
  // the library shows something else in the place of a radio button
  await target.waitFor({ state: 'attached' });
  for (let stops = 0; stops < MAX_STOPS; stops++) {
    if ((await target.and(page.locator(':focus')).count()) > 0) {
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the tab key does not reach ${String(target)}`);
}

async function press(role: 'button' | 'link', name: string | RegExp): Promise<void> {
  await tabTo(page.getByRole(role, { name, exact: typeof name === 'string' }));
  await page.keyboard.press('Enter');
}

const heading = (name: string): Promise<void> => page.getByRole('heading', { name, level: 1 }).waitFor();

test('a person is found, explained, split on trial and put right, and a review decided, with the keyboard alone', async () => {
  await page.goto('/console');
  await page.getByLabel('API key').waitFor();
  await page.keyboard.type(key);
  await page.keyboard.press('Enter');
  await heading('Find a person');
  await page.keyboard.type('biffsucks');
  // who was listed before gives way to who was found
  await page
    .getByRole('link', { name: `Person ${PEOPLE.lorraine}`, exact: true })
    .waitFor({ state: 'detached' });
  await press('link', `Person ${PEOPLE.george}`);

  await heading(`Person ${PEOPLE.george}`);
  await page.setViewportSize({ width: 800, height: 900 });
  const zoom = page.getByRole('button', { name: 'Zoom In' });
  await tabTo(zoom);
  while (await zoom.isEnabled()) {
    await page.keyboard.press('Enter');
  }
  for (const id of [PEOPLE.george, PEOPLE.biff]) {
    await tabTo(page.getByRole('button', { name: new RegExp(`^Contact ${id}`) }));
    await page.keyboard.press('Space');
    await page.locator('button[aria-pressed=true]:focus').waitFor();
    // of a picture that is larger than its frame, it shows the box
    expect(await page.evaluate(IS_IN_FRAME)).toBe(true);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await press('button', 'Why are 3 and 4 one person?');
  await page.getByRole('alert').getByText('One person').waitFor();
  await press('link', 'Take out 717171');

  await heading(`Split person ${PEOPLE.george}`);
  await page.getByRole('region', { name: 'Afterwards' }).getByText('Afterwards: 2 people').waitFor();
  await press('link', 'Search');
  await heading('Find a person');
  await press('link', `${PEOPLE.george} george@hillvalley.edu`);

  await heading(`Person ${PEOPLE.george}`);
  await tabTo(page.getByRole('tab', { name: 'Evidence' }));
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await press('link', 'Undo…');
  await heading('Undo merge 1');
  await tabTo(page.getByLabel('Reason'));
  await page.keyboard.type('Two customers');
  await press('button', 'Undo merge 1');
  await page.getByRole('status').filter({ hasText: 'Done' }).waitFor();

  await press('link', 'Reviews');
  await page.getByRole('article', { name: 'Review 1' }).waitFor();
  // it wants a reason first
  await page.keyboard.press('a');
  await page.keyboard.type('Mother and daughter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('a');
  await page.getByText('Nothing waits for a decision.').waitFor();
  await press('button', 'Sign out');
  await page.getByLabel('API key').waitFor();
}, 120_000);

test('the first stop of the tab key skips the navigation', async () => {
  await page.getByLabel('API key').fill(key);
  await page.keyboard.press('Enter');
  // where the last one signed out
  await heading('Reviews');
  await page.goto('/console/policy');
  await heading('Policy');
  await page.keyboard.press('Tab');
  await page.getByRole('link', { name: 'Skip to the page' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('main').and(page.locator(':focus')).waitFor();
});

/** Two who share a household: a rule keeps them apart, and then the phone of one comes with the email of the other. */
async function bringHousehold(name: string): Promise<void> {
  const headers = { 'x-api-key': key };
  const emails = [`${name}@hillvalley.edu`, `mother.of.${name}@hillvalley.edu`];
  await app.client.identify({ email: emails[0] }, headers);
  await app.client.identify({ email: emails[1], phoneNumber: `80${name.length}` }, headers);
  const identifiers = emails.map((value) => ({ kind: 'email', value }));
  await app.client.send('POST', '/rules', { identifiers, reason: 'Mother and child' }, headers);
  await app.client.identify({ email: emails[0], phoneNumber: `80${name.length}` }, headers);
}

test('several reviews are ticked, and decided at once; the address keeps which, and the next one comes after them', async () => {
  for (const name of ['linda', 'marvin', 'strickland', 'needles']) {
    await bringHousehold(name);
  }
  await press('link', 'Reviews');
  await heading('Reviews');
  for (const id of [2, 3]) {
    await tabTo(page.getByRole('checkbox', { name: `Choose review ${id}` }));
    await page.keyboard.press('Space');
    await untilChecked(page.getByRole('checkbox', { name: `Choose review ${id}` }));
  }
  await page.waitForURL(({ hash }) => new URLSearchParams(hash.slice(1)).get('chosen') === '2,3');
  await page.reload();
  const box = page.getByRole('checkbox', { name: 'Choose review 3' });
  await untilChecked(box);
  // to the third of the queue, whose two before it go
  for (const id of [3, 4]) {
    await page.keyboard.press('j');
    await page
      .getByRole('article', { name: `Review ${id}` })
      .and(page.locator('[aria-current=true]'))
      .waitFor();
  }
  await box.focus();
  await page.keyboard.press('a');
  // it wants a reason first
  await page.getByLabel('Reason').and(page.locator(':focus')).waitFor();
  await page.keyboard.type('a household');
  await tabTo(box);
  await page.keyboard.press('a');
  await box.waitFor({ state: 'detached' });
  await page.getByRole('article', { name: 'Review 4' }).and(page.locator('[aria-current=true]')).waitFor();
  expect(await page.getByRole('article').count()).toBe(2);
  expect(new URL(page.url()).hash).not.toContain('chosen');
  expect(await page.getByLabel('Reason').inputValue()).toBe('a household');
}, 120_000);

test('an address of a review that is in another list says so', async () => {
  await page.evaluate(`location.hash = '#?review=2'`);
  await page.getByText('Review 2 is not in this list').waitFor();
});

test('events are chosen and read, and a webhook is made and delivered to again, with the keyboard alone', async () => {
  await press('link', 'Events');
  await heading('Events');
  await tabTo(page.getByRole('checkbox', { name: 'Merged' }));
  await page.keyboard.press('Space');
  await page.waitForURL(/types=identity\.merged/);
  await press('button', /^CloudEvent .*Person 4 was merged into person 3/);
  await page.getByText('"specversion": "1.0"').waitFor();

  await press('link', 'Webhooks');
  await heading('Webhooks');
  await press('link', 'New webhook…');
  await heading('New webhook');
  await tabTo(page.getByLabel('URL'));
  // nobody listens there
  await page.keyboard.type('http://127.0.0.1:9/hooks');
  await press('button', 'Make it');
  await page.getByText(/^whsec_/).waitFor();
  await press('link', /^Webhook 1: test it/);

  await heading('Webhook 1');
  await tabTo(page.getByRole('radiogroup', { name: 'Which deliveries' }).getByRole('radio', { name: 'All' }));
  await page.keyboard.press('ArrowRight');
  await page.waitForURL(/state=pending/);
  await press('button', 'Deliver again…');
  const form = page.getByRole('form', { name: 'Deliver again' });
  await tabTo(form.getByRole('button', { name: 'Deliver again' }));
  await page.keyboard.press('Enter');
  await form.getByText('There is nothing to deliver again.').waitFor();
}, 120_000);

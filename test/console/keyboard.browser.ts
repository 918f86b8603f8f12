import type { BrowserContext, Locator, Page } from 'playwright-core';
import { SCOPES } from '../../src/access/scope.js';
import { startApp, type RunningApp } from '../support/app.js';
import { useDatabase } from '../support/hooks.js';
import { administerKeys, type Keys } from '../support/keys.js';
import { TestBrowser } from './browser.js';
import { bringPeople, PEOPLE } from './people.js';

const database = useDatabase();
let keys: Keys;
let key: string;
let app: RunningApp;
let browser: TestBrowser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  keys = await administerKeys(database.url);
  key = await keys.make({ scopes: SCOPES });
  app = await startApp({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  await bringPeople(app.client, { 'x-api-key': key });
  browser = await TestBrowser.open(app);
  context = await browser.window();
  page = await context.newPage();
}, 120_000);

afterAll(async () => {
  await browser.close();
  await app.close();
  await keys.close();
});

/** More than any page has */
const MAX_STOPS = 80;

/** Whether the middle of the box that has the focus is in the frame of the picture. */
const IS_IN_FRAME = `(() => {
  const frame = document.querySelector('.react-flow').getBoundingClientRect();
  const box = document.activeElement.getBoundingClientRect();
  const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  return x > frame.left && x < frame.right && y > frame.top && y < frame.bottom;
})()`;

/** Goes on with the tab key until it is there. */
async function tabTo(target: Locator): Promise<void> {
  await target.waitFor();
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
  await press('link', `Person ${PEOPLE.george}`);

  await heading(`Person ${PEOPLE.george}`);
  const zoom = page.getByRole('button', { name: 'Zoom In' });
  await tabTo(zoom);
  while (await zoom.isEnabled()) {
    await page.keyboard.press('Enter');
  }
  for (const id of [PEOPLE.george, PEOPLE.biff]) {
    await tabTo(page.getByRole('button', { name: new RegExp(`^Contact ${id}`) }));
    // of a picture that is larger than its frame, it shows the box
    await page.waitForFunction(IS_IN_FRAME);
    await page.keyboard.press('Space');
  }
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
  expect(browser.complaints).toEqual([]);
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

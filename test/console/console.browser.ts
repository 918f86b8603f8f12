import { readFile } from 'node:fs/promises';
import { startApp } from '../support/app.js';
import { useDatabase } from '../support/hooks.js';
import { addLargeIdentity } from '../support/large-identity.js';
import { until } from '../support/until.js';
import { check, faultsOf, jumpsOf, untilChecked } from './browser.js';
import { bringPeople, PEOPLE } from './people.js';
import { useConsole, type OpenConsole } from './use-console.js';

// What people do with the console, in a real browser, against the running service. One test goes on where the last one ended.

const database = useDatabase();
const opened = useConsole(
  database,
  { ERASURE_KEY: 'a key of this test, which is long enough' },
  'steward',
  ({ client }, headers) => bringPeople(client, headers),
);
let { keys, key, app, browser, context, page } = {} as OpenConsole;
beforeAll(() => ({ keys, key, app, browser, context, page } = opened));

async function heading(name: string | RegExp): Promise<void> {
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

async function open(path: string, name: string | RegExp): Promise<void> {
  await page.goto(`/console${path.replace('?', '#?')}`);
  await heading(name);
}

/** The address follows what is typed after a pause. */
async function untilAsked(text: string): Promise<void> {
  await page.waitForURL(
    ({ hash }) => new URLSearchParams(hash.slice(1)).get('q')?.replaceAll('"', '') === text,
  );
}

/** Types a reason and confirms; the answer names the change. */
async function confirm(button: string): Promise<string> {
  await page.getByLabel('Reason').fill('A test');
  await page.getByRole('button', { name: button, exact: true }).click();
  const done = page.getByRole('status').filter({ hasText: 'Done' });
  await done.waitFor();
  return done.innerText();
}

test('a wrong key is refused in the words of the service, with the id of the request; a good one opens the console', async () => {
  await open('/', 'Identity console');
  // the second has letters that no header may have
  for (const wrong of ['idr_wrong', 'idr_ключ']) {
    await page.getByLabel('API key').fill(wrong);
    await Promise.all([page.waitForResponse('**/console/session'), page.keyboard.press('Enter')]);
    const refusal = page.getByRole('alert');
    await refusal.waitFor();
    expect(await refusal.innerText()).toMatch(/The API key is not valid\.\s+Request [\w-]{36}/);
  }
  await page.getByLabel('API key').fill(key);
  await page.keyboard.press('Enter');
  await heading('Find a person');
  const kept = 'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])';
  expect(await page.evaluate<string>(kept)).not.toMatch(/idr_|__Host/);
});

test('typing finds a person by an email, the beginning of a number, or an id; the address keeps what was typed', async () => {
  const box = page.getByRole('searchbox');
  for (const [text, id] of [
    ['McFly@hillvalley.edu', PEOPLE.lorraine],
    ['7171', PEOPLE.george],
    [String(PEOPLE.biff), PEOPLE.george],
  ] as const) {
    await box.fill(text);
    await page.getByRole('link', { name: `Person ${id}`, exact: true }).waitFor();
    await untilAsked(text);
  }
  await box.fill('nobody@hillvalley.edu');
  await page.getByText('Nobody has “nobody@hillvalley.edu”.').waitFor();
  await page.goBack();
});

test('the people that are chosen are in the address, and are there again after their merge was looked at', async () => {
  await open('/', 'Find a person');
  for (const id of [PEOPLE.jennifer, PEOPLE.marlene]) {
    await check(page.getByRole('checkbox', { name: `Choose person ${id}` }));
  }
  await page.waitForURL(/chosen=/);
  await page.reload();
  await page.getByRole('link', { name: 'Merge these 2' }).click();
  await heading('Merge people');
  await page.goBack();
  await page.getByRole('link', { name: 'Merge these 2' }).waitFor();
  expect(
    await page.getByRole('checkbox', { name: 'Choose person' }).and(page.locator(':checked')).count(),
  ).toBe(2);
});

test('people whom several searches find are chosen together, and the box says what the address does', async () => {
  const box = page.getByRole('searchbox');
  for (const [text, id] of [
    ['lorraine', PEOPLE.lorraine],
    ['goldie', PEOPLE.shop],
  ] as const) {
    await box.fill(text);
    await untilAsked(text);
    await check(page.getByRole('checkbox', { name: `Choose person ${id}` }));
  }
  // two were chosen before
  await page.getByRole('link', { name: 'Merge these 4' }).waitFor();
  await page.getByRole('button', { name: 'Choose none' }).click();
  await page.getByText('Choose two to merge them').waitFor();
  await page.getByRole('link', { name: 'Search' }).click();
  await until(async () => (await box.inputValue()) === '');
  await page.getByRole('link', { name: `Person ${PEOPLE.shop}`, exact: true }).waitFor();
});

test('who was found is no more than a part of it, if there are more', async () => {
  await page.route('**/search?*', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), next: 'more' } });
  });
  await page.getByRole('searchbox').fill('lorr');
  await page.getByText('More people than these have what begins like it.').waitFor();
  await page.unroute('**/search?*');
});

test('a person is shown with the reason of each contact, as a picture and as a table', async () => {
  await open(`/identities/${PEOPLE.george}`, `Person ${PEOPLE.george}`);
  await page.locator('.contact-box').nth(1).waitFor();
  expect(await page.locator('.contact-box').count()).toBe(2);
  await page
    .getByRole('row', {
      name: /email george@hillvalley\.edu and phone number 717171 came together and joined it with contact 3/,
    })
    .waitFor();
  await page.getByRole('button', { name: /Contact 3/ }).click();
  await check(page.getByRole('checkbox', { name: `Choose contact ${PEOPLE.biff}` }));
  await page.waitForURL(({ hash }) => new URLSearchParams(hash.slice(1)).get('chosen') === '3,4');
  await page.getByRole('button', { name: 'Why are 3 and 4 one person?' }).click();
  await page
    .getByRole('alert')
    .getByText(/Contact 3:.*email george@hillvalley.edu and phone number 717171 came together/)
    .waitFor();
  expect(await page.locator('.evidence-line[data-way=true]').count()).toBe(1);
  await page.getByLabel('the same person as').fill(String(PEOPLE.jennifer));
  await page.getByText('Nothing joins them, and nothing keeps them apart.').waitFor();
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByText('Person 4 was merged into 3 (merge 1)').waitFor();
  await page.goBack();
  expect(await page.getByRole('tab', { name: 'Evidence' }).getAttribute('aria-selected')).toBe('true');
});

test('the history of a person is gone through with the arrow keys, and the address keeps the moment', async () => {
  await open(`/identities/${PEOPLE.george}`, `Person ${PEOPLE.george}`);
  const emails = page.getByRole('region', { name: 'email' });
  await emails.getByText('biffsucks@hillvalley.edu').waitFor();
  const slider = page.getByRole('slider', { name: 'Step of the history' });
  await page.locator('input[type=range]:enabled').focus();
  await page.keyboard.press('ArrowLeft');
  await page.getByText('the rest of the page is of today').waitFor();
  await emails.getByText('biffsucks@hillvalley.edu').waitFor({ state: 'detached' });
  expect(await slider.getAttribute('aria-valuetext')).toContain('Contact 4 was created, ');
  await page.reload();
  await page.getByText('the rest of the page is of today').waitFor();
  expect(await emails.innerText()).not.toContain('biffsucks');
  await page.locator('input[type=range]:enabled').focus();
  await page.keyboard.press('End');
  await emails.getByText('biffsucks@hillvalley.edu').waitFor();
  await page.getByText('Today', { exact: true }).waitFor();
});

test('a moment is typed digit by digit, also after another one', async () => {
  await open(`/identities/${PEOPLE.george}?at=2100-11-20T10:00:00.000Z`, `Person ${PEOPLE.george}`);
  await page.getByLabel('As it was at').focus();
  // the day and the month
  await page.keyboard.type('1212', { delay: 50 });
  await page.waitForURL(/at=2100-12-12/);
  await page.getByText('the rest of the page is of today').waitFor();
});

test('who was looked at last is offered again; the tab keeps only ids of them', async () => {
  await open('/', 'Find a person');
  const recent = page.getByRole('region', { name: 'Looked at last' });
  await recent.getByRole('link', { name: `${PEOPLE.george} george@hillvalley.edu` }).waitFor();
  // as a person of its own, before it was merged
  await page.evaluate(
    `for (const name of Object.keys(sessionStorage).filter((each) => each.startsWith('recent'))) {
      sessionStorage.setItem(name, '[${PEOPLE.george}, ${PEOPLE.biff}]');
    }`,
  );
  await page.reload();
  await recent.getByRole('link').first().waitFor();
  expect(await recent.getByRole('link').count()).toBe(1);
  await open(`/identities/${PEOPLE.george}`, `Person ${PEOPLE.george}`);
  const kept = 'JSON.stringify([{ ...localStorage }, { ...sessionStorage }])';
  // it is noted once the page has shown the person
  await until(async () => /recent default.*\[3,4\]/.test(await page.evaluate<string>(kept)));
  expect(await page.evaluate<string>(kept)).not.toContain('@hillvalley');
});

test('a merge is undone after its effect was shown, and made again', async () => {
  await open(`/identities/${PEOPLE.george}?tab=merges`, `Person ${PEOPLE.george}`);
  await page.getByRole('link', { name: 'Undo…' }).click();
  await heading('Undo merge 1');
  const afterwards = page.getByRole('region', { name: 'Afterwards' });
  await afterwards.getByText('Afterwards: 2 people').waitFor();
  expect(await afterwards.innerText()).toContain('email george@hillvalley.edu and phone number 717171');
  expect(await confirm('Undo merge 1')).toMatch(/Person 3\s+Person 4/);
  expect((await app.client.send('GET', '/contacts/4', undefined, { 'x-api-key': key })).body).toMatchObject({
    contact: { primaryContactId: PEOPLE.biff },
  });
  await page.getByRole('link', { name: 'Put them together again…' }).click();
  await heading('Merge people');
  // the rule of the undo forbids it
  await page
    .getByRole('alert')
    .getByText('email george@hillvalley.edu and phone number 717171: A test')
    .waitFor();
  await page.getByRole('switch', { name: /Also against rules and limits/ }).check();
  await confirm('Merge 2 people');
  await page.getByRole('link', { name: /Undo merge \d/ }).waitFor();
});

test('chosen contacts become a person of their own, unless somebody has changed the person meanwhile', async () => {
  await open(`/identities/${PEOPLE.shop}`, `Person ${PEOPLE.shop}`);
  await page.getByRole('button', { name: /Contact 9/ }).click();
  await untilChecked(page.getByRole('checkbox', { name: 'Choose contact 9' }));
  await check(page.getByRole('checkbox', { name: 'Choose contact 8' }));
  await page.getByRole('link', { name: 'Split off 2…' }).click();
  await page.getByRole('region', { name: 'Afterwards' }).getByText('Afterwards: 2 people').waitFor();
  await app.client.identify({ email: 'late@hillvalley.edu', phoneNumber: '5550100' }, { 'x-api-key': key });
  await page.getByLabel('Reason').fill('Two customers');
  await page.getByRole('button', { name: 'Split', exact: true }).click();
  await page.getByText('Somebody has changed it meanwhile').waitFor();
  await page.getByRole('button', { name: 'Show it again' }).click();
  await page.getByText('late@hillvalley.edu').first().waitFor();
  await confirm('Split');
});

test('a review is decided with the keyboard alone', async () => {
  await open('/reviews', 'Reviews');
  const review = page.getByRole('article', { name: 'Review 1' });
  await review.getByText('Person 6', { exact: true }).waitFor();
  await page.keyboard.press('a');
  // it wants a reason first
  await page.keyboard.type('Mother and daughter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('a');
  await page.getByText('Nothing waits for a decision.').waitFor();
});

test('the value that glues a large person is named, and blocked after its effect was shown', async () => {
  await open('/suspicious', 'Suspicious people');
  await page.getByRole('button', { name: 'What would blocking do? 5550100' }).click();
  await page.getByText('Afterwards: 2 people').waitFor();
  await page.getByRole('link', { name: 'Block 5550100' }).click();
  await heading('Policy');
  expect(await page.getByRole('radio', { name: /lose it/ }).isChecked()).toBe(true);
  await page.getByRole('button', { name: 'What would it do?' }).click();
  await page.getByRole('region', { name: 'Afterwards' }).getByText('strickland@hillvalley.edu').waitFor();
  await app.client.identify({ email: 'later@hillvalley.edu', phoneNumber: '5550100' }, { 'x-api-key': key });
  await page.getByLabel('Reason').fill('The phone of the shop');
  await page.getByRole('button', { name: 'Block it' }).click();
  await page.getByText('Somebody has changed it meanwhile').waitFor();
  await page.getByRole('button', { name: 'Show what it would do now' }).click();
  await page.getByRole('region', { name: 'Afterwards' }).getByText('later@hillvalley.edu').waitFor();
  await page.getByRole('button', { name: 'Block it' }).click();
  await page.getByText('Blocked. It is in force').waitFor();
  await page.getByRole('button', { name: 'Let it link again… 5550100' }).waitFor();
});

test('a value links again after it was said why', async () => {
  const opener = page.getByRole('button', { name: 'Let it link again… 5550100' });
  await opener.click();
  const form = page.getByRole('form', { name: 'Let it link again: 5550100' });
  await form.getByLabel('Reason').fill('The shop has another phone');
  await form.getByRole('button', { name: 'Let it link again' }).click();
  await page.getByText('Nothing is blocked.').waitFor();
  const { body } = await app.client.send('GET', '/changes?limit=1', undefined, { 'x-api-key': key });
  expect(body).toMatchObject({ changes: [{ kind: 'block-delete', reason: 'The shop has another phone' }] });
});

test('the usual placeholders are blocked at once', async () => {
  await open('/policy', 'Policy');
  await page.getByText('The usual placeholders').click();
  await page.getByRole('button', { name: 'What would it do?' }).click();
  await page.getByText(/^One person has one of these \d+ values\. They keep it/).waitFor();
  await page.getByLabel('Reason').fill('Before the first import');
  await page.getByRole('button', { name: 'Block it' }).click();
  await page.getByText('Blocked. It is in force').waitFor();
  await page.getByRole('button', { name: 'Show more' }).waitFor();
});

test('a kind is declared, limited and retired, and a limit tells who is above it, unless somebody changed the policy meanwhile', async () => {
  const policy = async (): Promise<{ kinds: unknown[]; etag: string }> => {
    const { body, headers } = await app.client.send<{ kinds: unknown[] }>('GET', '/policy', undefined, {
      'x-api-key': key,
    });
    return { kinds: body.kinds, etag: headers.get('etag')! };
  };
  const save = async (): Promise<void> => {
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Saved. It is in force everywhere').waitFor();
  };
  await open('/policy', 'Policy');
  await page.getByRole('button', { name: 'Add a kind…' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('customerId');
  await page.getByRole('switch', { name: /never one person/ }).check();
  await page.getByRole('button', { name: 'Add it to the changes' }).click();
  await page.getByText('not saved').waitFor();
  await save();
  await page.getByRole('button', { name: 'Change customerId' }).click();
  await page.getByRole('switch', { name: /Retired/ }).check();
  await page.getByRole('button', { name: 'Take it into the changes' }).click();
  await page.getByLabel('The most contacts of a person').fill('1');
  await page.getByText(/are above it already/).waitFor();
  await page.getByRole('link', { name: `Person ${PEOPLE.george}` }).waitFor();
  const { kinds, etag } = await policy();
  expect(kinds).toContainEqual(expect.objectContaining({ name: 'customerId', onePerIdentity: true }));
  const headers = { 'x-api-key': key, 'if-match': etag };
  await app.client.send('PUT', '/policy', { maxContacts: 900, kinds }, headers);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Somebody has changed the policy meanwhile').waitFor();
  await page.getByRole('button', { name: 'Show it as it is now' }).click();
  await page.getByRole('button', { name: 'Change customerId' }).click();
  expect(await page.getByLabel('The most contacts of a person').inputValue()).toBe('900');
  await page.getByRole('switch', { name: /Retired/ }).check();
  await page.getByRole('button', { name: 'Take it into the changes' }).click();
  await save();
  await page.getByText('retired').waitFor();
  expect((await policy()).kinds).toContainEqual(
    expect.objectContaining({ name: 'customerId', retired: true }),
  );
});

test('a minus is no id', async () => {
  await open('/merge', 'Merge people');
  await page.getByLabel('With the person of contact').fill('-');
  expect(await page.getByRole('button', { name: 'Add' }).isDisabled()).toBe(true);
});

test('the field says whom the page is about, also after another link', async () => {
  const field = page.getByLabel('Contact of the person');
  await open(`/privacy?contact=${PEOPLE.jennifer}`, 'Privacy');
  await field.fill(String(PEOPLE.marlene));
  await page.keyboard.press('Enter');
  await page.getByText(`Erase person ${PEOPLE.marlene}`).waitFor();
  await page.goBack();
  await page.getByText(`Erase person ${PEOPLE.jennifer}`).waitFor();
  expect(await field.inputValue()).toBe(String(PEOPLE.jennifer));
});

test('all that is stored of a person can be downloaded, and is gone after it was erased on purpose', async () => {
  await open(`/privacy?contact=${PEOPLE.lorraine}`, 'Privacy');
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download as JSON' }).click(),
  ]);
  expect(await readFile(await file.path(), 'utf8')).toContain('lorraine@hillvalley.edu');
  const erase = page.getByRole('button', { name: `Erase person ${PEOPLE.lorraine}` });
  await page.getByLabel('Reason').fill('Asked for');
  await page.getByLabel('to confirm').fill('erase 2');
  expect(await erase.isDisabled()).toBe(true);
  await page.getByLabel('to confirm').fill(`erase ${PEOPLE.lorraine}`);
  await erase.click();
  await page.getByText(/Erasure \d+ is under way/).waitFor();
  await open(`/identities/${PEOPLE.lorraine}`, `Person ${PEOPLE.lorraine}`);
  await page.getByText('Contact not found').first().waitFor();
});

test('a key is made, shown once, used, rotated and revoked; the audit tells who did it', async () => {
  await open('/keys', 'Keys');
  const form = page.getByRole('form', { name: 'New key' });
  await form.getByLabel('Name').fill('Jennifer, support');
  await form.getByRole('checkbox', { name: 'identify' }).uncheck();
  await form.getByLabel('Reason').fill('She began today');
  await form.getByRole('button', { name: 'Make the key' }).click();
  const shown = page.getByRole('status').filter({ hasText: 'The key of Jennifer, support' });
  const [made] = /idr_[\w-]+/.exec(await shown.innerText())!;
  const works = async (): Promise<number> =>
    (await app.client.send('GET', '/policy', undefined, { 'x-api-key': made })).status;
  expect(await works()).toBe(200);
  await shown.getByRole('button', { name: 'I have it' }).click();
  expect(await page.content()).not.toContain(made);
  // one's own can't be revoked
  expect(await page.getByRole('link', { name: 'Revoke steward' }).count()).toBe(0);
  await page.getByRole('link', { name: 'Rotate Jennifer, support' }).click();
  await page.getByRole('button', { name: 'Make the new key' }).click();
  await page.getByText('The old key works until').waitFor();
  await page.getByRole('button', { name: 'I have it' }).click();
  // the old one is the first
  await page.getByRole('link', { name: 'Revoke Jennifer, support' }).first().click();
  const revoke = page.getByRole('button', { name: 'Revoke the key' });
  await page.getByLabel('to confirm').fill('revoke jennifer');
  expect(await revoke.isDisabled()).toBe(true);
  await page.getByLabel('to confirm').fill('revoke Jennifer, support');
  await revoke.click();
  await form.waitFor();
  expect(await works()).toBe(401);
  await page.getByRole('switch', { name: /no longer work/ }).check();
  await page.getByText(/^revoked/).waitFor();

  await page.getByRole('link', { name: 'Audit' }).click();
  await heading('Audit');
  await page.getByRole('row', { name: /steward made a key [a-z0-9]{12} She began today/ }).waitFor();
  await page.getByLabel('What').selectOption({ label: 'undid a merge' });
  await page.getByRole('row', { name: /undid a merge contact 3 contact 4 A test/ }).waitFor();
  expect(new URL(page.url()).hash).toBe('#?kind=undo');
  expect(await page.getByRole('row').count()).toBe(2);
  await page.getByRole('link', { name: 'contact 3' }).click();
  await heading('Person 3');
  await page.goBack();
  await page.getByLabel('Before').fill('2020-01-01T00:00');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.getByText('Nobody has changed anything like this.').waitFor();
});

test('the audit leads to the undo of a merge whose first contact was deleted since', async () => {
  const headers = { 'x-api-key': key };
  const ids: number[] = [];
  for (const name of ['needles.1', 'needles.2']) {
    const { primaryContactId } = await app.client.identify({ email: `${name}@hillvalley.edu` }, headers);
    ids.push(primaryContactId);
  }
  await app.client.send('POST', '/merges', { contactIds: ids, reason: 'One needle' }, headers);
  await app.client.send('DELETE', `/contacts/${ids[0]}`, undefined, headers);
  await open('/audit?kind=merge', 'Audit');
  await page
    .getByRole('row', { name: /One needle/ })
    .getByRole('link', { name: /^merge/ })
    .click();
  await heading(/Undo merge/);
  await page.getByRole('region', { name: 'Now' }).getByText('needles.2@hillvalley.edu').waitFor();
});

const PAGES = [
  ['/', 'Find a person'],
  [`/identities/${PEOPLE.george}`, 'Person 3'],
  [`/identities/${PEOPLE.george}?tab=history`, 'Person 3'],
  [`/identities/${PEOPLE.george}?tab=merges`, 'Person 3'],
  [`/identities/${PEOPLE.george}?tab=rules`, 'Person 3'],
  [`/merge?ids=${PEOPLE.jennifer},${PEOPLE.marlene}`, 'Merge people'],
  [`/identities/${PEOPLE.george}/split?kind=phoneNumber&value=717171`, 'Split person 3'],
  ['/reviews?state=decided', 'Reviews'],
  ['/suspicious', 'Suspicious people'],
  ['/policy', 'Policy'],
  [`/privacy?contact=${PEOPLE.george}`, 'Privacy'],
  ['/keys?ended=true', 'Keys'],
  ['/audit', 'Audit'],
  ['/identities/999', 'Person 999'],
] as const;

test.each(PAGES)(
  'axe finds nothing wrong with %s, in light and dark; nothing jumps while it loads; a phone and letters of 200 % show all of it',
  async (path, name) => {
    const faults: string[] = [];
    await open(path, name);
    await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
      // only the colours differ
      faults.push(...(await faultsOf(page, colorScheme === 'dark' ? ['color-contrast'] : null)));
    }
    const jumps = await jumpsOf(page);
    const wide: number[] = [];
    // a phone, and twice as large letters in a window of 1280
    for (const width of [360, 640]) {
      await page.setViewportSize({ width, height: 740 });
      const isWide = await page.evaluate<boolean>(
        'document.documentElement.scrollWidth > document.documentElement.clientWidth',
      );
      wide.push(...(isWide ? [width] : []));
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    expect({ faults, jumps, wide }).toEqual({ faults: [], jumps: [], wide: [] });
  },
);

test('the history of a person with more than 200 contacts is gone through too', async () => {
  const { primaryId } = await addLargeIdentity(database, 201);
  await open(`/identities/${primaryId}`, `Person ${primaryId}`);
  await page.locator('input[type=range]:enabled').focus();
  for (const left of [200, 199]) {
    await page.keyboard.press('ArrowLeft');
    await page.getByText(`${left} contacts`, { exact: true }).waitFor();
  }
  await page.getByText(/^Contact \d+ attached to contact \d+$/).waitFor();
});

test('no more contacts can be chosen than an address has room for', async () => {
  const { primaryId } = await addLargeIdentity(database, 102, 'needles');
  const ids = Array.from({ length: 100 }, (_, i) => primaryId + i);
  await open(`/identities/${primaryId}?chosen=${ids.join()}`, `Person ${primaryId}`);
  await page.getByText('No more than 100 can be chosen at once.').waitFor();
  await page.getByRole('button', { name: 'Page 3', exact: true }).click();
  await page.getByRole('checkbox', { name: `Choose contact ${primaryId + 100}`, disabled: true }).waitFor();
});

test('what a key may not do is not offered; signing out ends the session', async () => {
  const reader = await browser.window();
  const other = await reader.newPage();
  await other.goto('/console/identities/3');
  await other.getByLabel('API key').fill(await keys.make({ scopes: ['read'] }));
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('heading', { name: 'Person 3' }).waitFor();
  await other.getByRole('table').waitFor();
  expect(
    await other.getByText(/Merge with|Take out|Privacy|Split off|split them off|Audit|Keys/).count(),
  ).toBe(0);
  // the service refuses it, if it is asked for all the same
  await other.goto('/console/keys');
  await other.getByText('The API key lacks the scope admin.').waitFor();
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.getByLabel('API key').waitFor();
  expect(await reader.cookies()).toEqual([]);
  expect(await other.evaluate<string>('JSON.stringify({ ...sessionStorage })')).not.toContain('recent');
  await reader.close();
});

test('a session that ends in the middle of the work leads back to the key', async () => {
  await open('/', 'Find a person');
  await context.clearCookies();
  await page.getByRole('link', { name: 'Policy' }).click();
  await page.getByLabel('API key').waitFor();
});

test('a service without keys says so, and an empty one offers sample people to try', async () => {
  const empty = await startApp({ DATABASE_URL: database.url });
  await database.query(
    'truncate contact, identifier, identity_merge, contact_past, do_not_link, review, change cascade',
  );
  const visitor = await browser.window({ baseURL: empty.client.url });
  const other = await visitor.newPage();
  // the database of a test is not the embedded one
  await other.route('**/console/session', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), isEmbedded: true } });
  });
  await other.goto('/');
  await other.getByText('Nobody has to sign in').waitFor();
  await other.getByRole('button', { name: 'Load sample people' }).click();
  await other.getByText('lorraine@hillvalley.edu').waitFor();
  await other.getByRole('link', { name: 'Reviews' }).click();
  await other.getByRole('article').waitFor();
  await empty.close();
}, 30_000);

import { command } from '../../support/command.js';
import { ageErasures, placesOf } from '../../support/erased.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import { importFile } from '../../transfer/import/import-text.js';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DIALLED = '01711234567';
const NORMAL = '+491711234567';

const database = useDatabase();
const env = (region: Record<string, string>): Record<string, string> => ({
  DATABASE_URL: database.url,
  ERASURE_KEY: 'a key that only the tests of older forms use',
  ...region,
});
/** The service as it was, and as it is since the region was set. */
const before = useApp(() => env({}));
const since = useApp(() => env({ DEFAULT_PHONE_REGION: 'DE' }));
let folder: string;

beforeEach(async () => {
  await database.clear();
  folder = await mkdtemp(join(tmpdir(), 'identity-forms-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  expect(await violations(database)).toEqual({});
});

async function imported(row: string): Promise<unknown> {
  const path = join(folder, 'people.csv');
  await writeFile(path, `email,phone\n${row}\n`);
  const { tally } = await importFile(env({ DEFAULT_PHONE_REGION: 'DE' }), path);
  return { created: tally.created, blocked: tally.blocked };
}

test('what was erased under an older form is refused under the form of today, in imports and blocked calls', async () => {
  await before.client.identify({ phoneNumber: DIALLED });
  await before.client.send('POST', '/erasures', {
    identifier: { kind: 'phoneNumber', value: DIALLED },
    scope: 'identity',
    blockedForDays: 30,
    reason: 'Asked for by letter',
  });
  expect(await imported(`,${DIALLED}`)).toEqual({ created: 0, blocked: 1 });
  expect(await imported(`,${NORMAL}`)).toEqual({ created: 0, blocked: 1 });
  expect(await imported(',+491711234568')).toEqual({ created: 1, blocked: 0 });
  const { status } = await since.client.send('POST', '/identify', { phoneNumber: NORMAL });
  expect(status).toBe(422);
});

test('an erased identifier goes with the older form that contacts had', async () => {
  // A replica may know for 5 s what the test before erased.
  const [dialled, normal] = ['01717654321', '+491717654321'];
  await before.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: dialled });
  const renormalised = await command(
    ['identities', 'renormalise', '--quiet'],
    env({ DEFAULT_PHONE_REGION: 'DE' }),
  );
  expect(renormalised).toMatchObject({ code: 0, stderr: '' });
  expect(await placesOf(database, [dialled])).toEqual([expect.stringMatching(/^contact_past: /)]);
  const { body } = await since.client.send('POST', '/erasures', {
    identifier: { kind: 'phoneNumber', value: normal },
    scope: 'identifier',
    reason: 'Asked for by letter',
  });
  expect(body).toMatchObject({ contacts: 1, identifiers: 2 });
  await ageErasures(database);
  await since.client.send('GET', `/erasures/${(body as { erasureId: number }).erasureId}`);
  expect(await placesOf(database, [dialled, normal])).toEqual([]);
});

import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../../support/app.js';
import { command } from '../../support/command.js';
import { random, seedOf } from '../../support/random.js';
import { LOOPBACK, startReceiver } from '../../support/receiver.js';
import { ServiceProcess } from '../../support/service-process.js';
import { storm, untrueAnswers } from '../../support/storm.js';
import type { ShownIdentity } from '../../support/wire.js';
import { importFile, tally } from '../../transfer/import/import-text.js';

let folder: string;
/** One for all tests, because a new one takes seconds to make. */
let dataDir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-data-'));
  dataDir = join(folder, 'data');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the embedded database serves the whole job, and its data survives a restart and a kill', async () => {
  const first = await ServiceProcess.start({ DATA_DIR: dataDir });
  await first.client.identify({ email: 'george@hillvalley.edu', phoneNumber: '919191' });
  await first.client.identify({ email: 'biffsucks@hillvalley.edu', phoneNumber: '717171' });
  await first.client.identify({ email: 'doc@hillvalley.edu', phoneNumber: '717171' });
  expect(await first.end('SIGTERM')).toBe(0);

  const second = await ServiceProcess.start({ DATA_DIR: dataDir });
  expect(await second.client.identify({ email: 'george@hillvalley.edu', phoneNumber: '717171' })).toEqual({
    primaryContactId: 1,
    emails: ['george@hillvalley.edu', 'biffsucks@hillvalley.edu', 'doc@hillvalley.edu'],
    phoneNumbers: ['919191', '717171'],
    secondaryContactIds: [2, 3],
  });
  expect(await second.client.delete(1)).toBe(204);
  await second.end('SIGKILL');

  const third = await ServiceProcess.start({ DATA_DIR: dataDir, WEBHOOK_ALLOWED_NETWORKS: LOOPBACK });
  expect(await third.client.find(3)).toEqual({
    primaryContactId: 2,
    emails: ['biffsucks@hillvalley.edu', 'doc@hillvalley.edu'],
    phoneNumbers: ['717171'],
    secondaryContactIds: [3],
  });
  await using receiver = await startReceiver();
  await third.client.send('POST', '/webhooks', { url: receiver.url });
  await third.client.identify({ email: 'jennifer@hillvalley.edu' });
  await receiver.untilReceived(1);
  // those of all three processes, also of the ones that were killed
  const { body } = await third.client.send<{ events: { sequence: string; type: string }[] }>(
    'GET',
    '/events',
  );
  expect(body.events.map(({ sequence }) => Number(sequence))).toEqual(body.events.map((_, i) => i + 1));
  expect(body.events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['identity.created', 'identity.merged', 'contact.deleted']),
  );
  expect(await third.end('SIGTERM')).toBe(0);
}, 180_000);

test('a second process on the same folder is refused with a sentence, and the first goes on', async () => {
  const first = await ServiceProcess.start({ DATA_DIR: dataDir });
  const { code, output } = await ServiceProcess.startAndFail({ DATA_DIR: dataDir });
  expect(code).toBe(1);
  expect(output).toContain(`The data folder ${dataDir} is in use by another process.`);
  expect(output).not.toMatch(/\n\s+at /);
  await expect(importFile({ DATA_DIR: dataDir }, await people())).rejects.toThrow(
    'is in use by another process.',
  );
  expect(await first.client.identify({ phoneNumber: '1' })).toMatchObject({ phoneNumbers: ['1'] });
  await first.end('SIGTERM');
}, 180_000);

test('the embedded database is imported into and exported from, dry runs included', async () => {
  const env = { DATA_DIR: dataDir };
  const path = await people();
  const counts = tally({ created: 1, linked: 1 });
  expect((await importFile(env, path, { isDryRun: true })).tally).toEqual(counts);
  expect((await importFile(env, path)).tally).toEqual(counts);
  const { stdout } = await command(['export', '--quiet'], env);
  const exported = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ShownIdentity);
  expect(exported.map(({ emails }) => emails)).toContainEqual([
    'lorraine@hillvalley.edu',
    'mcfly@hillvalley.edu',
  ]);
});

test('the embedded database makes a key for erasures, which only its owner can read and which stays', async () => {
  const keys: string[] = [];
  for (const email of ['emmett@hillvalley.edu', 'marty@hillvalley.edu']) {
    await using app = await startApp({ DATA_DIR: dataDir });
    const { primaryContactId: contactId } = await app.client.identify({ email });
    const body = { contactId, scope: 'identity', reason: 'Asked for by letter', blockedForDays: 1 };
    expect((await app.client.send('POST', '/erasures', body)).status).toBe(202);
    expect((await app.client.send('POST', '/identify', { email })).status).toBe(422);
    keys.push(await readFile(join(dataDir, 'erasure.key'), 'utf8'));
  }
  expect(keys[1]).toBe(keys[0]);
  expect(Buffer.from(keys[0]!, 'base64')).toHaveLength(32);
  expect((await stat(join(dataDir, 'erasure.key'))).mode & 0o777).toBe(0o600);
  expect(await readdir(dataDir)).toContain('PG_VERSION');
}, 120_000);

test('random sightings at once get true answers from the embedded database too', async () => {
  await using app = await startApp({ DATA_DIR: dataDir, BATCH_MAX: '4' });
  const next = random(seedOf('embedded'));
  const sightings = Array.from({ length: 150 }, () => ({
    email: next() < 0.2 ? null : `marty${Math.floor(next() * 40)}@hillvalley.edu`,
    phoneNumber: String(1000 + Math.floor(next() * 40)),
  }));
  const acknowledged = await storm([app.client], sightings, 16, []);
  expect(acknowledged).toHaveLength(150);
  expect(untrueAnswers(acknowledged)).toEqual([]);
}, 180_000);

/** A file with one customer, next to the data folder. */
async function people(): Promise<string> {
  const path = join(folder, 'people.csv');
  await writeFile(path, 'email,phone\nlorraine@hillvalley.edu,123456\nmcfly@hillvalley.edu,123456\n');
  return path;
}

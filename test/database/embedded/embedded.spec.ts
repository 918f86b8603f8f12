import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../../support/app.js';
import { random, seedOf } from '../../support/random.js';
import { ServiceProcess } from '../../support/service-process.js';
import { storm, untrueAnswers } from '../../support/storm.js';

let dataDir: string;

// One folder for all, because a new one takes seconds to make.
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'identity-data-'));
});

afterAll(() => rm(dataDir, { recursive: true, force: true }));

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

  const third = await ServiceProcess.start({ DATA_DIR: dataDir });
  expect(await third.client.find(3)).toEqual({
    primaryContactId: 2,
    emails: ['biffsucks@hillvalley.edu', 'doc@hillvalley.edu'],
    phoneNumbers: ['717171'],
    secondaryContactIds: [3],
  });
  expect(await third.end('SIGTERM')).toBe(0);
}, 180_000);

test('a second process on the same folder is refused with a sentence, and the first goes on', async () => {
  const first = await ServiceProcess.start({ DATA_DIR: dataDir });
  const { code, output } = await ServiceProcess.startAndFail({ DATA_DIR: dataDir });
  expect(code).toBe(1);
  expect(output).toContain(`The data folder ${dataDir} is in use by another process.`);
  expect(output).not.toMatch(/\n\s+at /);
  expect(await first.client.identify({ phoneNumber: '1' })).toMatchObject({ phoneNumbers: ['1'] });
  await first.end('SIGTERM');
}, 180_000);

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

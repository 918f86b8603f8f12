import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { openDatabase, type OpenDatabase } from '../../src/database/open-database.js';
import type { Policy } from '../../src/identity/domain/policy.js';
import { ErasureKey } from '../../src/identity/erasure-key.js';
import { PolicyDirectory } from '../../src/identity/policy-directory.js';
import { Contact } from '../../src/identity/store/entities/contact.js';
import { PolicyRecords } from '../../src/identity/store/policy-records.js';
import { use, useDatabase } from '../support/hooks.js';
import { until } from '../support/until.js';

const database = useDatabase();
const settings = (): Settings => new Settings({ DATABASE_URL: database.url });
const opened: OpenDatabase = use(
  () => openDatabase(ormOptions(settings(), 'serve')),
  async (each) => each[Symbol.asyncDispose](),
);

let directory: PolicyDirectory;
/** In ms, by the clock of the directory. */
let now: number;

beforeEach(async () => {
  await database.query('truncate tenant_policy, identifier_kind');
  now = 1_000_000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const contacts = opened.orm.em.getRepository(Contact);
  directory = new PolicyDirectory(
    new PolicyRecords(contacts, new ErasureKey(settings()), settings()),
    contacts,
  );
});

afterEach(() => jest.restoreAllMocks());

/** As another replica does. */
async function limitTo(maxContacts: number): Promise<void> {
  await database.query('delete from tenant_policy');
  await database.query('insert into tenant_policy values (1, $1, $1, $1, now())', [maxContacts]);
}

const atOnce = (): number => {
  const policy = directory.of(1);
  expect(policy).not.toBeInstanceOf(Promise);
  return (policy as Policy).maxContacts;
};

test('a change by another replica is known after 5 s at the latest', async () => {
  expect((await directory.of(1)).maxContacts).toBe(1000);
  await limitTo(7);
  now += 5_000;
  // It is still kept, and read again from now on.
  expect(atOnce()).toBe(1000);
  await until(() => atOnce() === 7);

  await limitTo(8);
  now += 5_001;
  const policy = directory.of(1);
  expect(policy).toBeInstanceOf(Promise);
  expect((await policy).maxContacts).toBe(8);
});

test('while it is young nothing is read, and afterwards nobody waits', async () => {
  await directory.of(1);
  await limitTo(7);
  now += 2_500;
  const load = jest.spyOn(PolicyRecords.prototype, 'load');
  expect(atOnce()).toBe(1000);
  expect(load).not.toHaveBeenCalled();
  now += 1;
  expect([atOnce(), atOnce()]).toEqual([1000, 1000]);
  expect(load).toHaveBeenCalledTimes(1);
  await until(() => atOnce() === 7);
});

test('what is unchanged stays the same object', async () => {
  await limitTo(7);
  const policy = await directory.of(1);
  now += 6_000;
  expect(await directory.of(1)).toBe(policy);
});

test('a refresh knows what was committed before it, also while an older policy is being read', async () => {
  const [isRead, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = new PolicyRecords(
    opened.orm.em.getRepository(Contact),
    new ErasureKey(settings()),
    settings(),
  );
  jest.spyOn(PolicyRecords.prototype, 'load').mockImplementationOnce(async () => {
    const stored = await slow.load(1, null);
    isRead.resolve();
    await mayGoOn.promise;
    return stored;
  });
  const older = directory.of(1);
  await isRead.promise;
  await limitTo(7);
  const refreshed = directory.refresh(1);
  mayGoOn.resolve();
  expect((await older).maxContacts).toBe(1000);
  expect((await refreshed).maxContacts).toBe(7);
  expect(atOnce()).toBe(7);
});

test('without the key of erased identifiers it warns once, however often it is read', async () => {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  await database.query(`insert into erasure (tenant_id, id, status, scope, contacts, identifiers, contact_ids, hashes,
      blocked_until, due_at, created_at)
    values (1, 1, 'done', 'identifier', 1, 1, '{1}', '{a}', now() + interval '1 day', now(), now())`);
  for (let reads = 0; reads < 3; reads++) {
    expect((await directory.refresh(1)).erased).toBeUndefined();
  }
  expect(warn).toHaveBeenCalledTimes(1);
});

import { jest } from '@jest/globals';
import { MikroORM } from '@mikro-orm/core';
import pg from 'pg';
import { Registry } from 'prom-client';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { DecisionWriter, type Decision } from '../../src/identity/decision-writer.js';
import type { Snapshot } from '../../src/identity/domain/contact.js';
import { DEFAULT_POLICY } from '../../src/identity/domain/policy.js';
import { reconcile } from '../../src/identity/domain/reconcile.js';
import { NO_WRITES } from '../../src/identity/domain/writes.js';
import { Conflict, ContentionError } from '../../src/identity/identity.errors.js';
import { IdentityMetrics } from '../../src/identity/identity.metrics.js';
import { LARGE_CONTACTS } from '../../src/identity/large.js';
import { Contact } from '../../src/identity/store/entities/contact.js';
import { IdentityReader } from '../../src/identity/store/identity-reader.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { untilLocked } from '../support/until.js';
import { shown, sightingOf, type IdentifyBody } from '../support/wire.js';

const TENANT = 1;
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '919191' };

let database: TestDatabase;
let orm: MikroORM;
let writer: DecisionWriter;
let metrics: IdentityMetrics;
let outsider: pg.Client;

beforeAll(async () => {
  database = await createDatabase();
  const settings = new Settings({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  // as for a command: the database waits for locks as long as it takes
  orm = await MikroORM.init({
    ...ormOptions(settings, 'migrate'),
    pool: { min: 0, max: 4 },
    logger: () => undefined,
  });
  const contacts = orm.em.getRepository(Contact);
  contacts.policyOf = () => ({ ...DEFAULT_POLICY, maxContacts: Infinity });
  metrics = new IdentityMetrics(settings, new Registry());
  writer = new DecisionWriter(contacts, new IdentityReader(contacts, settings), settings, metrics);
  outsider = new pg.Client({ connectionString: database.url });
  await outsider.connect();
});

beforeEach(() => database.clear());

afterEach(async () => {
  jest.restoreAllMocks();
  await outsider.query('rollback');
});

afterAll(async () => {
  await outsider.end();
  await orm.close();
  await database.drop();
});

const of = (...bodies: IdentifyBody[]) => ({ tenantId: TENANT, sightings: bodies.map(sightingOf) });
const onto =
  (...bodies: IdentifyBody[]) =>
  (snapshot: Snapshot) =>
    reconcile(snapshot, bodies.map(sightingOf));
const ofGeorge = (phoneNumber: string): IdentifyBody => ({ email: GEORGE.email, phoneNumber });

/** A decision on a contact that is not there: it loses with and without locks. */
function outdated(): Decision {
  return { writes: { ...NO_WRITES, touched: [{ id: 4711, version: 1, linkedId: null, leavesPast: false }] } };
}

const phones = async (): Promise<unknown[]> =>
  (await database.query<{ phone_number: string }>('select phone_number from contact order by id')).map(
    ({ phone_number }) => phone_number,
  );

test('a decision is written once, and told with the ids of its newcomers', async () => {
  const decide = jest.fn(onto(GEORGE));
  const { decision, freshIds } = await writer.write(of(GEORGE), decide);
  expect(decision.outcomes).toEqual(['created']);
  expect(freshIds).toEqual([1]);
  expect(decide).toHaveBeenCalledTimes(1);
  expect(await phones()).toEqual([GEORGE.phoneNumber]);
});

test('a decision that writes nothing is told as it is', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  const { decision, freshIds } = await writer.write(of(GEORGE), onto(GEORGE));
  expect([decision.outcomes, freshIds]).toEqual([['unchanged'], []]);
});

test('what is told is what was decided in the attempt that was committed', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  const prepared = await writer.prepare(of(ofGeorge('1')), onto(ofGeorge('1')));
  await writer.write(of(ofGeorge('2')), onto(ofGeorge('2')));
  const { decision, freshIds } = await writer.write(of(ofGeorge('1')), onto(ofGeorge('1')), { prepared });
  expect(shown(decision.answers[0]!.view!)).toEqual({
    primaryContactId: 1,
    emails: [GEORGE.email],
    phoneNumbers: [GEORGE.phoneNumber, '2', '1'],
    secondaryContactIds: [2, -1],
  });
  expect(freshIds).toHaveLength(1);
  expect(await phones()).toEqual([GEORGE.phoneNumber, '2', '1']);
});

test('a decision that was prepared is not made again if it holds', async () => {
  const prepared = await writer.prepare(of(GEORGE), onto(GEORGE));
  const decide = jest.fn(onto(GEORGE));
  await writer.write(of(GEORGE), decide, { prepared });
  expect(decide).not.toHaveBeenCalled();
});

test('after three lost races it waits for the lock of the identity, and decides on what is stored then', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  await outsider.query('begin');
  await outsider.query('select from contact where id = 1 for no key update');
  const decide = jest.fn(onto(ofGeorge('1')));
  const written = writer.write(of(ofGeorge('1')), decide);
  await untilLocked(database);
  expect(decide).toHaveBeenCalledTimes(3);
  await outsider.query(`update contact set version = 9, phone_number = '2' where id = 1`);
  await outsider.query('commit');
  expect((await written).decision.answers[0]!.view!.values.get('phoneNumber')).toEqual(['2', '1']);
  expect(decide).toHaveBeenCalledTimes(4);
});

test('where the lock is known to be needed it is waited for at once', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  await outsider.query('begin');
  await outsider.query('select from contact where id = 1 for no key update');
  const decide = jest.fn(onto(ofGeorge('1')));
  const written = writer.write(of(ofGeorge('1')), decide, { lockIds: [1] });
  await untilLocked(database);
  expect(decide).not.toHaveBeenCalled();
  await outsider.query('commit');
  await written;
  expect(decide).toHaveBeenCalledTimes(1);
});

test('a decision that loses every race is given up, and nothing of it is written', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  const gaveUp = jest.spyOn(metrics, 'gaveUp');
  const decide = jest.fn(outdated);
  await expect(writer.write({ tenantId: TENANT, contactIds: [1] }, decide)).rejects.toThrow(ContentionError);
  expect(decide).toHaveBeenCalledTimes(40);
  expect(gaveUp).toHaveBeenCalledTimes(1);
  expect(await phones()).toEqual([GEORGE.phoneNumber]);
});

test('no attempt begins after five seconds', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  const now = performance.now();
  let calls = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now + 1_000 * calls);
  const decide = (): Decision => {
    calls += 3;
    return outdated();
  };
  await expect(writer.write({ tenantId: TENANT, contactIds: [1] }, decide)).rejects.toThrow(ContentionError);
  expect(calls).toBe(6);
});

test('a write waits for that of this process to the same identity, and is then out of date', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  const decisions = await Promise.all(
    ['1', '2'].map((phone) => writer.prepare(of(ofGeorge(phone)), onto(ofGeorge(phone)))),
  );
  const [first, second] = await Promise.all(decisions.map((each) => writer.tryWrite(TENANT, each, 1)));
  expect(first).toMatchObject({ freshIds: [expect.any(Number)] });
  expect(second).toEqual(new Conflict('overtaken', [1]));
  expect(await phones()).toEqual([GEORGE.phoneNumber, '1']);
});

test('it does not wait for that write for longer than a moment', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  await outsider.query('begin');
  await outsider.query(`insert into identifier (tenant_id, kind, value, contact_id) values (1, 1, '1', 1)`);
  const decisions = await Promise.all(
    ['1', '2'].map((phone) => writer.prepare(of(ofGeorge(phone)), onto(ofGeorge(phone)))),
  );
  const stuck = writer.tryWrite(TENANT, decisions[0]!, 1);
  await untilLocked(database);
  expect(await writer.tryWrite(TENANT, decisions[1]!, 1)).toEqual(new Conflict('overtaken', [1]));
  await outsider.query('commit');
  expect(await stuck).toEqual(new Conflict('claimed'));
});

test('a large identity is read after the running write of this process to it', async () => {
  const others = Array.from({ length: LARGE_CONTACTS }, (_, i) => ofGeorge(String(i)));
  await writer.write(of(...others), onto(...others));
  const added = ofGeorge('x');
  const writing = writer.tryWrite(TENANT, await writer.prepare(of(added), onto(added)), 1);
  const george = ofGeorge('0');
  const prepared = await writer.prepareAtMost(LARGE_CONTACTS, of(george), onto(george));
  expect(prepared?.snapshot.identities[0]?.rows).toHaveLength(LARGE_CONTACTS + 1);
  expect(await writing).toMatchObject({ freshIds: [expect.any(Number)] });
});

test('a decision on evidence that lacked the lock of an identity gets it at the next attempt', async () => {
  await writer.write(of(GEORGE), onto(GEORGE));
  const selection = { tenantId: TENANT, evidenceOf: [1], sightings: [], pastSince: null };
  let decisions = 0;
  const { decision } = await writer.write(
    selection,
    ({ evidence }) => {
      decisions++;
      return { writes: NO_WRITES, ids: evidence!.identities.map(({ primaryId }) => primaryId) };
    },
    { lockIds: [999] },
  );
  expect([decisions, decision.ids]).toEqual([1, [1]]);
});

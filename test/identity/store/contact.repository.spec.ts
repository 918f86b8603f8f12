import { MikroORM } from '@mikro-orm/core';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ormOptions } from '../../../mikro-orm.config.js';
import { Conflict } from '../../../src/identity/identity.errors.js';
import type { ContactRepository, Selection } from '../../../src/identity/store/contact.repository.js';
import type { Drawn } from '../../../src/identity/store/write-queries.js';
import type { Identity } from '../../../src/identity/domain/contact.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { NO_WRITES, type Writes } from '../../../src/identity/domain/writes.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { settingsOf } from '../../support/settings.js';
import { untilLocked } from '../../support/until.js';
import { sightingOf, type IdentifyBody } from '../../support/wire.js';
import { NOTHING_KNOWN } from '../domain/fixtures.js';
import type { Pair, ReviewDecision } from '../../../src/identity/domain/reviews.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import { violations } from '../../support/invariants.js';

const TENANT = 1;
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '919191' };
const BIFF = { email: 'biffsucks@hillvalley.edu', phoneNumber: '717171' };

let database: TestDatabase;
let orm: MikroORM;
let contacts: ContactRepository;

beforeAll(async () => {
  database = await createDatabase();
  orm = await MikroORM.init({
    ...ormOptions(settingsOf({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' }), 'serve'),
    logger: () => undefined,
  });
  contacts = orm.em.getRepository(Contact);
});

beforeEach(() => database.clear());

afterAll(async () => {
  await orm.close();
  await database.drop();
});

/** What the service would decide now, not yet written. */
async function decide(...bodies: IdentifyBody[]): Promise<Writes> {
  const sightings = bodies.map(sightingOf);
  return reconcile(await contacts.load({ tenantId: TENANT, sightings }), sightings).writes;
}

async function identityOf(selection: Selection): Promise<Identity | undefined> {
  return (await contacts.load(selection)).identities[0];
}

async function write(...bodies: IdentifyBody[]): Promise<void> {
  expect(await contacts.apply(TENANT, await decide(...bodies))).toMatchObject({
    freshIds: expect.any(Array),
  });
}

test('loading brings every row of every identity that shares an identifier, deleted rows too, and nothing else', async () => {
  await write(
    GEORGE,
    BIFF,
    { email: GEORGE.email, phoneNumber: '1' },
    { email: 'doc@hillvalley.edu', phoneNumber: null },
  );
  const before = await identityOf({ tenantId: TENANT, contactIds: [3] });
  await contacts.apply(TENANT, remove(before!, 3, new KnownRules()));
  const loaded = await contacts.load({
    tenantId: TENANT,
    sightings: [sightingOf({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber })],
  });
  expect(loaded.identities.toSorted((a, b) => a.primaryId - b.primaryId)).toEqual([
    {
      primaryId: 1,
      rows: [
        {
          id: 1,
          ...sightingOf(GEORGE),
          createdAt: expect.any(Number),
          version: 2,
          isDeleted: false,
          isRuled: false,
        },
        {
          id: 3,
          ...sightingOf({ email: GEORGE.email, phoneNumber: '1' }),
          createdAt: expect.any(Number),
          version: 2,
          isDeleted: true,
          isRuled: false,
        },
      ],
    },
    {
      primaryId: 2,
      rows: [
        {
          id: 2,
          ...sightingOf(BIFF),
          createdAt: expect.any(Number),
          version: 1,
          isDeleted: false,
          isRuled: false,
        },
      ],
    },
  ]);
});

test('times come back with the microseconds they were written with', async () => {
  await write(GEORGE);
  await database.query(`update contact set created_at = '2026-03-04T05:06:07.123457Z'`);
  const identity = await identityOf({ tenantId: TENANT, sightings: [sightingOf(GEORGE)] });
  expect(identity!.rows[0]!.createdAt).toBe(Date.UTC(2026, 2, 4, 5, 6, 7) * 1000 + 123_457);
});

test('newcomers are a microsecond younger than what they join if the clock lags', async () => {
  await write(GEORGE);
  await database.query(`update contact set created_at = '2254-12-31T23:59:59.999998Z'`);
  await write({ email: GEORGE.email, phoneNumber: '1' });
  expect(
    await database.query(
      `select created_at = '2254-12-31T23:59:59.999999Z' as is_next from contact where id = 2`,
    ),
  ).toEqual([{ is_next: true }]);
});

test('a decision on an identity that has changed since is not written', async () => {
  await write(GEORGE);
  const stale = await decide({ email: GEORGE.email, phoneNumber: '1' });
  await write({ email: GEORGE.email, phoneNumber: '2' });
  expect(await contacts.apply(TENANT, stale)).toBeInstanceOf(Conflict);
  expect(await database.query('select id::int from contact order by id')).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a merge is not written if the identity to merge has gained a contact since', async () => {
  await write(GEORGE);
  await write(BIFF);
  const stale = await decide({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber });
  await write({ email: BIFF.email, phoneNumber: '1' });
  expect(await contacts.apply(TENANT, stale)).toBeInstanceOf(Conflict);
  await write({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber });
  expect(await violations(database)).toEqual({});
});

test('a merge is not written if the identity to merge was merged into another since', async () => {
  await write({ email: 'doc@hillvalley.edu', phoneNumber: '1' });
  await write(GEORGE);
  await write(BIFF);
  const stale = await decide({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber });
  await write({ email: 'doc@hillvalley.edu', phoneNumber: BIFF.phoneNumber });
  expect(await contacts.apply(TENANT, stale)).toBeInstanceOf(Conflict);
});

test('a deletion is not written if the identity has gained a contact since', async () => {
  await write(GEORGE);
  const identity = await identityOf({ tenantId: TENANT, contactIds: [1] });
  const stale = remove(identity!, 1, new KnownRules());
  await write({ email: GEORGE.email, phoneNumber: '1' });
  expect(await contacts.apply(TENANT, stale)).toBeInstanceOf(Conflict);
});

test('a claim that another has made since is a conflict, and nothing of the decision is written', async () => {
  const stale = await decide(BIFF, GEORGE);
  await write({ email: GEORGE.email, phoneNumber: null });
  expect(await contacts.apply(TENANT, stale)).toBeInstanceOf(Conflict);
  expect(await database.query('select email from contact')).toEqual([{ email: GEORGE.email }]);
  expect(await database.query('select value from identifier')).toEqual([{ value: GEORGE.email }]);
});

test('of two decisions at once on what was read of one identity one is not written', async () => {
  await write(GEORGE);
  for (let round = 0; round < 20; round++) {
    const rivals = [
      await decide({ email: GEORGE.email, phoneNumber: `${round}1` }),
      await decide({ email: GEORGE.email, phoneNumber: `${round}2` }),
    ];
    const outcomes = await Promise.all(rivals.map((writes) => contacts.apply(TENANT, writes)));
    expect(outcomes.filter((outcome) => !(outcome instanceof Conflict))).toHaveLength(1);
  }
});

test('turns under locks that take the same rows in opposite order do not wait for each other in a circle', async () => {
  const values = Array.from({ length: 20 }, (_, i) => ({ email: `e${i}@hillvalley.edu`, phoneNumber: null }));
  await write(...values);
  await fillUp();
  const bodies = values.map(({ email }, i) => ({ email, phoneNumber: String(1000 + i) }));
  const sightings = bodies.map(sightingOf);
  const writes = await decide(...bodies);
  const ids = writes.touched.map(({ id }) => id);
  const turns = [ids, ids.toReversed()].map(
    (lockIds) => (rival: ContactRepository) =>
      rival.applyLocked({ tenantId: TENANT, sightings }, lockIds, (now) => reconcile(now, sightings).writes),
  );
  expect(
    await rivalryWhile('select id from contact where tenant_id = 1 and id = 10 for update', turns),
  ).toEqual({
    written: 2,
    deadlocks: 0,
  });
});

test('decisions that claim the same identifiers in opposite order do not wait for each other in a circle', async () => {
  const values = Array.from({ length: 20 }, (_, i) => ({
    email: `e${String(i).padStart(2, '0')}@hillvalley.edu`,
    phoneNumber: null,
  }));
  const rivals = [await decide(...values), await decide(...values.toReversed())].map(
    (writes) => (rival: ContactRepository) => rival.apply(TENANT, writes),
  );
  await write(BIFF);
  expect(await rivalryWhile(`insert into identifier values (1, 0, 'e10@hillvalley.edu', 1)`, rivals)).toEqual(
    { written: 1, deadlocks: 0 },
  );
});

test('under locks a decision is made on what is stored then, and written only if it rests on locked rows', async () => {
  await write(GEORGE);
  await write(BIFF);
  const sightings = [sightingOf({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber })];
  const selection = { tenantId: TENANT, sightings };
  expect(
    await contacts.applyLocked(selection, [1], (snapshot) => reconcile(snapshot, sightings).writes),
  ).toEqual(new Conflict('not_held'));
  expect(await database.query('select * from identity_merge')).toEqual([]);
  expect(
    await contacts.applyLocked(selection, [2, 1], (snapshot) => reconcile(snapshot, sightings).writes),
  ).toMatchObject({ freshIds: [] });
  expect(await violations(database)).toEqual({});
});

test('under the lock of its primary an identity can be merged even if it grew while the lock was waited for', async () => {
  await write(GEORGE);
  await write(BIFF);
  await write({ email: BIFF.email, phoneNumber: '1' });
  const sightings = [sightingOf({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber })];
  const known = [1, 2]; // contact 3 came after the rows to lock were known
  const written = await contacts.applyLocked(
    { tenantId: TENANT, sightings },
    known,
    (snapshot) => reconcile(snapshot, sightings).writes,
  );
  expect(written).toMatchObject({ freshIds: [] });
  expect(await violations(database)).toEqual({});
  const identity = await identityOf({ tenantId: TENANT, contactIds: [3] });
  expect(identity!.primaryId).toBe(1);
});

test('under the lock of its primary a decision does not wait for rows that others hold, which may wait for it', async () => {
  await write(BIFF);
  await write(GEORGE);
  await database.query(`update contact set created_at = '2020-01-01' where id = 2`); // the younger id is the older contact
  await write({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber });
  const before = await identityOf({ tenantId: TENANT, contactIds: [1] });
  expect(before!.primaryId).toBe(2);
  const rival = new pg.Client({ connectionString: database.adminUrl });
  await rival.connect();
  await rival.query('begin; select id from contact where tenant_id = 1 and id = 1 for no key update');
  let circle: Promise<unknown> = Promise.resolve();
  const deletion = contacts.applyLocked(
    { tenantId: TENANT, contactIds: [2] },
    [2],
    ({ identities: [identity] }) => {
      circle = rival.query('select id from contact where tenant_id = 1 and id = 2 for no key update');
      return remove(identity!, 2, new KnownRules());
    },
  );
  expect(await deletion).toEqual(new Conflict('not_held'));
  await circle;
  await rival.end();
});

test('under locks nothing is decided on evidence of an identity whose primary is not locked: it may change meanwhile', async () => {
  await write(GEORGE);
  await write(BIFF);
  await write({ email: GEORGE.email, phoneNumber: BIFF.phoneNumber });
  const selection = { tenantId: TENANT, evidenceOf: [2], sightings: [], pastSince: null };
  let decisions = 0;
  const nothing = (): Writes => {
    decisions++;
    return NO_WRITES;
  };
  expect(await contacts.applyLocked(selection, [2], nothing)).toEqual(new Conflict('not_held', [1]));
  expect(decisions).toBe(0);
  await contacts.applyLocked(selection, [1], nothing);
  expect(decisions).toBe(1);
});

test('an import may make a stored primary secondary, and dates come back as they were given', async () => {
  await write(GEORGE);
  await write({ email: GEORGE.email, phoneNumber: '88', createdAt: 1_600_000_000_123_456 });
  expect(await violations(database)).toEqual({});
  const identity = await identityOf({ tenantId: TENANT, contactIds: [1] });
  expect(identity).toMatchObject({ primaryId: 2 });
  expect(identity!.rows.find(({ id }) => id === 2)).toMatchObject({ createdAt: 1_600_000_000_123_456 });
  await write({ ...GEORGE, createdAt: 1_500_000_000_000_000 });
  expect(await violations(database)).toEqual({});
  const again = await identityOf({ tenantId: TENANT, contactIds: [2] });
  expect(again).toMatchObject({ primaryId: 1 });
});

test('a row that another holds is a conflict, at once or when the time for a lock is over, and the server keeps nothing that nobody waits for', async () => {
  await write(GEORGE);
  const late = await decide({ email: GEORGE.email, phoneNumber: '1' });
  const holder = new pg.Client({ connectionString: database.adminUrl });
  await holder.connect();
  await holder.query('begin; select id from contact where tenant_id = 1 for update');
  expect(await contacts.apply(TENANT, late)).toEqual(new Conflict('changed', [1]));
  const selection = { tenantId: TENANT, contactIds: [1] };
  expect(await contacts.applyLocked(selection, [1], () => late)).toEqual(new Conflict('lock_timeout'));
  const waiting = await database.query(
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  expect(waiting).toEqual([]);
  await holder.query('rollback');
  await holder.end();
});

test('the database itself refuses a claim on a second identity, a primary with a link and an empty contact', async () => {
  await write(GEORGE, BIFF);
  const insert =
    'insert into contact (tenant_id, id, email, linked_id, link_precedence, created_at, updated_at) values';
  await expect(
    database.query(`insert into identifier values (1, 0, 'george@hillvalley.edu', 2)`),
  ).rejects.toThrow('identifier_pkey');
  await expect(database.query(`${insert} (1, 9, 'a', 1, 'primary', now(), now())`)).rejects.toThrow(
    'contact_primary_has_no_link',
  );
  await expect(database.query(`${insert} (1, 9, 'a', null, 'secondary', now(), now())`)).rejects.toThrow(
    'contact_primary_has_no_link',
  );
  await expect(database.query(`${insert} (1, 9, null, null, 'primary', now(), now())`)).rejects.toThrow(
    'contact_has_identifier',
  );
  await expect(database.query(`${insert} (1, 9, 'a', 77, 'secondary', now(), now())`)).rejects.toThrow(
    'contact_linked_id_foreign',
  );
  await expect(database.query('delete from contact where id = 1')).rejects.toThrow(
    'identifier_contact_id_foreign',
  );
});

test('tenants share nothing, not even the same identifier', async () => {
  await write(GEORGE);
  expect(await contacts.load({ tenantId: 2, sightings: [sightingOf(GEORGE)] })).toEqual(NOTHING_KNOWN);
  expect(await contacts.apply(2, reconcile(NOTHING_KNOWN, [sightingOf(GEORGE)]).writes)).toMatchObject({
    freshIds: [2],
  });
  expect(await contacts.load({ tenantId: 2, contactIds: [1] })).toEqual(NOTHING_KNOWN);
});

test('connections of one tenant serve no other', async () => {
  const settings = settingsOf({ DATABASE_URL: database.url, AUTH_MODE: 'none' });
  const ofOne = await MikroORM.init({ ...ormOptions(settings, 'serve'), logger: () => undefined });
  const repository = ofOne.em.getRepository(Contact);
  await expect(repository.load({ tenantId: 2, sightings: [sightingOf(GEORGE)] })).rejects.toThrow(
    'the connections belong to tenant 1',
  );
  await ofOne.close();
});

/** Makes the table large enough for the planner to use its indexes. */
async function fillUp(): Promise<void> {
  await database.query(`insert into contact (tenant_id, id, email, link_precedence, created_at, updated_at)
    select 1, 1000000 + i, 'x', 'primary', now(), now() from generate_series(1, 20000) i`);
  await database.query('analyze contact');
}

/**
 * Applies decisions at once while another session holds something in the middle of what they lock, so that each has
 * taken locks and waits for more when it lets go. Returns how many were written, and how many deadlocks PostgreSQL had to
 * break.
 */
async function rivalryWhile(
  hold: string,
  rivals: readonly ((contacts: ContactRepository) => Promise<Drawn | Conflict>)[],
): Promise<{ written: number; deadlocks: number }> {
  const rivalOrm = await MikroORM.init({
    ...ormOptions(settingsOf({ DATABASE_URL: database.url }), 'serve'),
  });
  const before = await deadlocks();
  const rivalContacts = rivalOrm.em.getRepository(Contact);
  const holder = new pg.Client({ connectionString: database.adminUrl });
  await holder.connect();
  await holder.query('begin');
  await holder.query(hold);
  const outcomes = rivals.map((rival) => rival(rivalContacts));
  await untilLocked(database, rivals.length);
  await holder.query('rollback');
  await holder.end();
  const written = (await Promise.all(outcomes)).filter((outcome) => !(outcome instanceof Conflict)).length;
  // A connection reports its share of the statistics at the latest when it ends.
  await rivalOrm.close();
  await sleep(100);
  return { written, deadlocks: (await deadlocks()) - before };
}

async function deadlocks(): Promise<number> {
  const [row] = await database.query<{ deadlocks: string }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  return Number(row!.deadlocks);
}

const openReview = (pair: Pair): Promise<unknown> =>
  contacts.apply(TENANT, { ...NO_WRITES, reviews: [{ id: -1, pair, reason: 'limit' }] });

test('a pair has one review, whichever of its identifiers is named first', async () => {
  const pair = [
    { kind: 'email', value: 'lorraine@hillvalley.edu' },
    { kind: 'phoneNumber', value: '123456' },
  ] as const;
  expect(await openReview(pair)).toMatchObject({ reviewIds: [1] });
  for (const again of [pair, [pair[1], pair[0]] as const]) {
    expect(await openReview(again)).toEqual(new Conflict('claimed'));
  }
  expect(await database.query('select value, other_value from review')).toEqual([
    { value: 'lorraine@hillvalley.edu', other_value: '123456' },
  ]);
});

const decideReview = (decision: ReviewDecision): Promise<unknown> =>
  contacts.apply(TENANT, { ...NO_WRITES, decidedReview: { id: 1, decision } });

test('a decision on a review is a conflict if the review was decided since it was read', async () => {
  await openReview([
    { kind: 'email', value: 'lorraine@hillvalley.edu' },
    { kind: 'phoneNumber', value: '123456' },
  ]);
  expect(await decideReview('keep-apart')).not.toBeInstanceOf(Conflict);
  expect(await decideReview('link')).toEqual(new Conflict('claimed'));
  expect(await database.query('select decision from review')).toEqual([{ decision: 'keep-apart' }]);
});

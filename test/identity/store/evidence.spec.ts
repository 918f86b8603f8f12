import type { MikroORM } from '@mikro-orm/core';
import pg from 'pg';
import { ormOptions } from '../../../mikro-orm.config.js';
import { openDatabase, type OpenDatabase } from '../../../src/database/open-database.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { Conflict } from '../../../src/identity/identity.errors.js';
import { backfillEvidence } from '../../../src/identity/store/backfill-evidence.js';
import type { ContactRepository } from '../../../src/identity/store/contact.repository.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { CUSTOMER_ID, declareKinds } from '../../support/policy.js';
import { violations } from '../../support/invariants.js';
import { settingsOf } from '../../support/settings.js';
import { untilLocked } from '../../support/until.js';

const TENANT = 1;
const KINDS = new Kinds([
  EMAIL,
  PHONE_NUMBER,
  { ...EMAIL, name: 'customerId', number: 2, normaliser: 'trim', priority: 10, maxLength: 64 },
]);
type Values = { customerId?: string; email?: string; phoneNumber?: string; createdAt?: number };

let database: TestDatabase;
let opened: OpenDatabase;
let orm: MikroORM;
let contacts: ContactRepository;

beforeAll(async () => {
  database = await createDatabase();
  const settings = settingsOf({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  opened = await openDatabase(ormOptions(settings, 'serve'));
  orm = opened.orm;
  contacts = orm.em.getRepository(Contact);
  contacts.policyOf = () => ({ ...DEFAULT_POLICY, kinds: KINDS });
});

beforeEach(() => database.clear());

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
  await database.drop();
});

async function decide(...given: Values[]) {
  const sightings = given.map(({ createdAt, ...values }) => ({
    identifiers: KINDS.identifiersOf(values),
    ...(createdAt !== undefined && { createdAt }),
  }));
  return reconcile(await contacts.load({ tenantId: TENANT, sightings }), sightings);
}

async function write(...given: Values[]): Promise<void> {
  expect(await contacts.apply(TENANT, (await decide(...given)).writes)).toMatchObject({
    freshIds: expect.any(Array),
  });
}

const joined = () => database.query('select id::int, joined_id::int as joined from contact order by id');
const past = () =>
  database.query(
    'select contact_id::int as id, linked_id::int as linked, email from contact_past order by 1',
  );

const reserve = (value: string) => database.query(`insert into identifier values (1, 0, '${value}', null)`);

/** As a build would have left it that records no evidence. */
const forget = () =>
  database.query(`update contact set joined_id = null; update identity_merge set left_contact_id = null,
    right_contact_id = null, cause = null`);

describe('a contact', () => {
  test('keeps the contact that it attached to', async () => {
    await write(
      { email: 'a', phoneNumber: '1' },
      { email: 'a', phoneNumber: '2' },
      { email: 'b', phoneNumber: '2' },
    );
    expect(await joined()).toEqual([
      { id: 1, joined: null },
      { id: 2, joined: 1 },
      { id: 3, joined: 2 },
    ]);
    expect(await violations(database)).toEqual({});
  });

  test('leaves no past when it is found again or gains a contact', async () => {
    await write({ email: 'a', phoneNumber: '1' });
    await write({ email: 'a', phoneNumber: '2' });
    await write({ email: 'a' });
    expect(await past()).toEqual([]);
  });

  test('leaves its state from before when it gets another link, and ends that state when the next begins', async () => {
    await write({ email: 'a', phoneNumber: '1' });
    await write({ email: 'b', phoneNumber: '2' }, { email: 'c', phoneNumber: '2' });
    await write({ email: 'a', phoneNumber: '2' });
    expect(await past()).toEqual([
      { id: 2, linked: null, email: 'b' },
      { id: 3, linked: 2, email: 'c' },
    ]);
    expect(
      await database.query(
        'select from contact_past p join contact c on c.id = p.contact_id and p.until = c.updated_at',
      ),
    ).toHaveLength(2);
    const { identities } = await contacts.load({ tenantId: TENANT, contactIds: [1] });
    await contacts.apply(TENANT, remove(identities[0]!, 1, new KnownRules()));
    expect(await past()).toHaveLength(5);
    expect(await violations(database)).toEqual({});
  });

  test('that gets an earlier date keeps the one that it had, and when it was recorded', async () => {
    await write({ email: 'a', phoneNumber: '1' });
    await write({ email: 'a', phoneNumber: '1', createdAt: 1_500_000_000_000_000 });
    const [row] = await database.query<object>(
      `select c.created_at < '2020-01-01' as is_old, c.recorded_at = p.created_at as is_recorded
        from contact c join contact_past p on p.contact_id = c.id`,
    );
    expect(row).toEqual({ is_old: true, is_recorded: true });
  });

  test('with a date is recorded when it is written, one without when it is created', async () => {
    await write({ email: 'a', createdAt: 1_500_000_000_000_000 }, { email: 'b' });
    expect(
      await database.query(
        `select coalesce(recorded_at, created_at) = updated_at as is_recorded, created_at = updated_at as is_new
          from contact order by id`,
      ),
    ).toEqual([
      { is_recorded: true, is_new: false },
      { is_recorded: true, is_new: true },
    ]);
  });

  test('is changed later than at its last change even if the clock lags', async () => {
    await write({ email: 'a', phoneNumber: '1' });
    await database.query(`update contact set updated_at = '2254-12-31T23:59:59.999998Z'`);
    await write({ email: 'a', phoneNumber: '2' });
    expect(
      await database.query(`select updated_at = '2254-12-31T23:59:59.999999Z' as is_next from contact`),
    ).toEqual([{ is_next: true }, { is_next: true }]);
  });
});

test('a merge keeps both contacts that it joins, its cause, and the sighting with all kinds', async () => {
  await write({ customerId: 'C-1', email: 'a' }, { phoneNumber: '1' }, { email: 'b', phoneNumber: '1' });
  await write({ customerId: 'C-1', email: 'b' });
  expect(
    await database.query(`select survivor_id::int as survivor, merged_id::int as merged, left_contact_id::int as left,
      right_contact_id::int as right, cause, email, phone_number, identifiers from identity_merge`),
  ).toEqual([
    {
      survivor: 1,
      merged: 2,
      left: 1,
      right: 3,
      cause: 'sighting',
      email: 'b',
      phone_number: null,
      identifiers: { 2: 'C-1' },
    },
  ]);
  expect(await violations(database)).toEqual({});
});

test('a contact with identifiers of a third kind alone is stored, found, and freed', async () => {
  await write({ customerId: 'C-1' }, { customerId: 'C-1', email: 'a' });
  const { outcomes, answers } = await decide({ customerId: 'C-1' });
  expect(outcomes).toEqual(['unchanged']);
  expect(answers[0]!.view!.values).toEqual(
    new Map([
      ['customerId', ['C-1']],
      ['email', ['a']],
    ]),
  );
  for (const contactId of [1, 2]) {
    const { identities } = await contacts.load({ tenantId: TENANT, contactIds: [contactId] });
    await contacts.apply(TENANT, remove(identities[0]!, contactId, new KnownRules()));
    expect(await violations(database)).toEqual({});
  }
  expect(await database.query('select * from identifier')).toEqual([]);
});

describe('a reserved identifier', () => {
  test('is told when it is asked for, and taken over by who brings it', async () => {
    await reserve('a');
    const identifiers = [{ kind: 'email', value: 'a' }];
    expect(await contacts.load({ tenantId: TENANT, sightings: [{ identifiers }] })).toMatchObject({
      identities: [],
      reserved: identifiers,
    });
    await write({ email: 'a', phoneNumber: '1' });
    expect(await database.query('select value, contact_id::int from identifier order by kind')).toEqual([
      { value: 'a', contact_id: 1 },
      { value: '1', contact_id: 1 },
    ]);
    expect(await violations(database)).toEqual({});
  });

  test('that was reserved since is a conflict, and so is one that another has taken since', async () => {
    const early = await decide({ email: 'a' });
    await reserve('a');
    expect(await contacts.apply(TENANT, early.writes)).toEqual(new Conflict('claimed'));
    const rival = await decide({ email: 'a', phoneNumber: '1' });
    await write({ email: 'a', phoneNumber: '2' });
    expect(await contacts.apply(TENANT, rival.writes)).toEqual(new Conflict('claimed'));
    expect(await database.query('select phone_number from contact')).toEqual([{ phone_number: '2' }]);
  });
});

describe('the backfill', () => {
  test('fills in what contacts attached to and the ends of merges, marks them, and does so once', async () => {
    await write(
      { email: 'a', phoneNumber: '1' },
      { email: 'a', phoneNumber: '2' },
      { email: 'b', phoneNumber: '2' },
    );
    await write({ email: 'c', phoneNumber: '3' }, { email: 'd', phoneNumber: '3' });
    await write({ email: 'a', phoneNumber: '3' });
    await write({ email: 'x' });
    await forget();
    expect(await violations(database)).not.toEqual({});
    expect(await backfillEvidence(orm)).toBe(4);
    expect(await violations(database)).toEqual({});
    expect(await joined()).toEqual([
      { id: 1, joined: null },
      { id: 2, joined: 1 },
      { id: 3, joined: 2 },
      { id: 4, joined: null },
      { id: 5, joined: 4 },
      { id: 6, joined: null },
    ]);
    expect(await database.query('select id::int from contact where joined_assumed order by id')).toEqual([
      { id: 2 },
      { id: 3 },
      { id: 5 },
    ]);
    expect(await database.query('select ends_assumed from identity_merge')).toEqual([{ ends_assumed: true }]);
    await forget();
    expect(await backfillEvidence(orm)).toBe(0);
  });

  test('knows the kinds that a tenant has declared', async () => {
    await declareKinds(database, [CUSTOMER_ID]);
    await write({ customerId: 'C-1', email: 'a' }, { customerId: 'C-1', email: 'b' });
    await forget();
    expect(await backfillEvidence(orm)).toBe(1);
    expect(await joined()).toEqual([
      { id: 1, joined: null },
      { id: 2, joined: 1 },
    ]);
  });

  test('is done for all who end it at the same moment', async () => {
    const filling = await orm.em.fork().transactional(async (em) => {
      await em
        .getConnection()
        .execute(`insert into backfill values ('evidence', now())`, [], 'run', em.getTransactionContext());
      // Not awaited here: it has to wait for the end of this transaction.
      const second = { filled: backfillEvidence(orm) };
      await untilLocked(database);
      return second;
    });
    expect(await filling.filled).toBe(0);
    expect(await database.query('select name from backfill')).toEqual([{ name: 'evidence' }]);
  });

  test('leaves out an identity that another holds', async () => {
    await write({ email: 'a', phoneNumber: '1' }, { email: 'a', phoneNumber: '2' });
    await write({ email: 'c', phoneNumber: '3' }, { email: 'd', phoneNumber: '3' });
    await forget();
    const holder = new pg.Client({ connectionString: database.adminUrl });
    await holder.connect();
    await holder.query('begin; select id from contact where tenant_id = 1 and id = 1 for update');
    expect(await backfillEvidence(orm)).toBe(1);
    await holder.query('rollback');
    await holder.end();
    expect(await joined()).toMatchObject([{}, { joined: null }, {}, { joined: 3 }]);
  });
});

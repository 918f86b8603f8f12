import { ormOptions } from '../../../mikro-orm.config.js';
import { Settings } from '../../../src/config/settings.js';
import { openDatabase, type OpenDatabase } from '../../../src/database/open-database.js';
import type { Identifier } from '../../../src/identity/domain/contact.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { makeRule, withRules } from '../../../src/identity/domain/rules.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import { Conflict } from '../../../src/identity/identity.errors.js';
import type { ContactRepository, Selection } from '../../../src/identity/store/contact.repository.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { violations } from '../../support/invariants.js';
import { sightingOf, type IdentifyBody } from '../../support/wire.js';

const TENANT = 1;
const A: Identifier = { kind: 'email', value: 'a' };
const ONE: Identifier = { kind: 'phoneNumber', value: '1' };
const OF_A: IdentifyBody = { email: 'a', phoneNumber: null };
const OF_ONE: IdentifyBody = { email: null, phoneNumber: '1' };
const BOTH: IdentifyBody = { email: 'a', phoneNumber: '1' };

let database: TestDatabase;
let opened: OpenDatabase;
let contacts: ContactRepository;

beforeAll(async () => {
  database = await createDatabase();
  const settings = new Settings({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  opened = await openDatabase(ormOptions(settings, 'serve'));
  contacts = opened.orm.em.getRepository(Contact);
});

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
  await database.drop();
});

/** A decision on what is stored now, with the rules that it asks for. */
async function decided(
  selection: Selection,
  decide: (of: Awaited<ReturnType<ContactRepository['load']>>) => Writes,
) {
  let snapshot = await contacts.load(selection);
  for (let writes = decide(snapshot); ; writes = decide(snapshot)) {
    if (writes.unknownRules.length === 0) {
      return writes;
    }
    const rules = await contacts.loadRules(TENANT, writes.unknownRules);
    snapshot = withRules(snapshot, rules);
  }
}

function identifying(...bodies: IdentifyBody[]): Promise<Writes> {
  const sightings = bodies.map(sightingOf);
  return decided({ tenantId: TENANT, sightings }, (snapshot) => reconcile(snapshot, sightings).writes);
}

async function ruling(): Promise<Writes> {
  const sightings = [OF_A, OF_ONE].map(sightingOf);
  const snapshot = await contacts.load({ tenantId: TENANT, sightings });
  const rules = await contacts.loadRules(TENANT, [A, ONE]);
  return makeRule({ ...snapshot, rules }, [A, ONE]).writes;
}

async function write(writes: Writes): Promise<void> {
  expect(await contacts.apply(TENANT, writes)).toMatchObject({ freshIds: expect.any(Array) });
}

const identities = () =>
  database.query(
    'select array_agg(id::int order by id) as ids from contact group by coalesce(linked_id, id) order by 1',
  );

test('a rule is found from either side, and keeps two identities apart', async () => {
  await write(await identifying(OF_A, OF_ONE));
  await write(await ruling());
  for (const identifier of [A, ONE]) {
    const { rules } = await contacts.loadRules(TENANT, [identifier]);
    expect(rules.map(({ identifiers }) => new Set(identifiers))).toEqual([new Set([A, ONE])]);
  }
  expect((await identifying(BOTH)).merges).toEqual([]);
  expect(await identities()).toEqual([{ ids: [1] }, { ids: [2] }]);
});

test('a rule made before any data holds', async () => {
  await write(await ruling());
  await write(await identifying(BOTH));
  await write(await identifying(OF_ONE));
  expect(await identities()).toEqual([{ ids: [1] }, { ids: [2] }]);
  expect((await identifying(BOTH)).touched).toEqual([]);
});

test('what a rule speaks of stays reserved when its last contact is deleted', async () => {
  await write(await identifying(OF_A, OF_ONE));
  await write(await ruling());
  await write(
    await decided({ tenantId: TENANT, contactIds: [1] }, ({ identities: [identity], rules }) =>
      remove(identity!, 1, rules),
    ),
  );
  expect(await database.query('select value, contact_id::int as id from identifier order by kind')).toEqual([
    { value: 'a', id: null },
    { value: '1', id: 2 },
  ]);
  await write(await identifying(BOTH));
  expect(await identities()).toEqual([{ ids: [1] }, { ids: [2] }, { ids: [3] }]);
});

describe('at the same time', () => {
  test('a merge and a rule between the identities exclude each other', async () => {
    await write(await identifying(OF_A, OF_ONE));
    const [merge, rule] = [await identifying(BOTH), await ruling()];
    await write(rule);
    expect(await contacts.apply(TENANT, merge)).toBeInstanceOf(Conflict);
  });

  test('a rule and a merge between the identities exclude each other', async () => {
    await write(await identifying(OF_A, OF_ONE));
    const [merge, rule] = [await identifying(BOTH), await ruling()];
    await write(merge);
    expect(await contacts.apply(TENANT, rule)).toBeInstanceOf(Conflict);
  });

  test('a newcomer with both identifiers and a rule between them exclude each other', async () => {
    const [newcomer, rule] = [await identifying(BOTH), await ruling()];
    await write(newcomer);
    expect(await contacts.apply(TENANT, rule)).toEqual(new Conflict('claimed'));
    await database.clear();
    await write(rule);
    expect(await contacts.apply(TENANT, newcomer)).toEqual(new Conflict('claimed'));
  });

  test('a newcomer with a reserved identifier and a further rule on it exclude each other', async () => {
    await database.query(`insert into identifier values (1, 0, 'a', null), (1, 1, '1', null)`);
    const [newcomer, rule] = [await identifying(BOTH), await ruling()];
    await write(rule);
    expect(await contacts.apply(TENANT, newcomer)).toEqual(new Conflict('claimed'));
    await write(await identifying(OF_A));
    expect(await contacts.apply(TENANT, rule)).toEqual(new Conflict('claimed'));
  });

  test('under locks a decision is made with the rules that it asks for', async () => {
    await write(await identifying(OF_A, OF_ONE));
    await write(await ruling());
    const sightings = [sightingOf(BOTH)];
    const told: unknown[] = [];
    await contacts.applyLocked({ tenantId: TENANT, sightings }, [1, 2], (snapshot) => {
      const { answers, writes } = reconcile(snapshot, sightings);
      told.push(answers[0]!.view.ignored);
      return writes;
    });
    expect(told).toEqual([undefined, [{ kind: 'phoneNumber', reason: 'do-not-link' }]]);
  });
});

test('the database itself refuses a rule on what is not claimed or reserved, and to free what a rule speaks of', async () => {
  const insert = `insert into do_not_link values (1, 0, 'a', 1, '1', 7, null, now())`;
  await expect(database.query(insert)).rejects.toThrow('do_not_link_identifier_foreign');
  await write(await ruling());
  await expect(database.query(`delete from identifier where value = 'a'`)).rejects.toThrow(
    'do_not_link_identifier_foreign',
  );
  await expect(
    database.query(`insert into do_not_link values (1, 0, 'a', 0, 'a', 8, null, now())`),
  ).rejects.toThrow('do_not_link_of_two');
});

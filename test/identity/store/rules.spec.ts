import pg from 'pg';
import { ormOptions } from '../../../mikro-orm.config.js';
import { openSession } from '../../../src/database/session/open-session.js';
import { openDatabase, type OpenDatabase } from '../../../src/database/open-database.js';
import type { Identifier } from '../../../src/identity/domain/contact.js';
import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { mergeByHand } from '../../../src/identity/domain/merge-by-hand.js';
import { liftRule, makeRule } from '../../../src/identity/domain/rules.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import { Conflict } from '../../../src/identity/identity.errors.js';
import type { ContactRepository, Selection } from '../../../src/identity/store/contact.repository.js';
import { freeUnruled } from '../../../src/identity/store/erasure-queries.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { violations } from '../../support/invariants.js';
import { settingsOf } from '../../support/settings.js';
import { untilLocked } from '../../support/until.js';
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
  const settings = settingsOf({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
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
    snapshot = await contacts.withMore(TENANT, snapshot, writes);
  }
}

function identifying(...bodies: IdentifyBody[]): Promise<Writes> {
  const sightings = bodies.map(sightingOf);
  return decided({ tenantId: TENANT, sightings }, (snapshot) => reconcile(snapshot, sightings).writes);
}

function ruling(other = ONE): Promise<Writes> {
  return decided(holding(A, other), (snapshot) => makeRule(snapshot, [A, other]).writes);
}

function lifting(id = 1): Promise<Writes> {
  return decided(holding(A, ONE), (snapshot) => liftRule(snapshot, id, [A, ONE]).writes);
}

function holding(...identifiers: Identifier[]): Selection {
  return { tenantId: TENANT, sightings: identifiers.map((identifier) => ({ identifiers: [identifier] })) };
}

async function write(writes: Writes): Promise<void> {
  expect(await contacts.apply(TENANT, writes)).toMatchObject({ freshIds: expect.any(Array) });
}

const storedValues = () => database.query('select value from identifier order by 1');

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
  test('a deletion that leaves an identifier reserved for a rule, and the erasure of that rule, exclude each other', async () => {
    await write(await identifying(OF_A, OF_ONE));
    await write(await ruling());
    const deletion = await decided(
      { tenantId: TENANT, contactIds: [1] },
      ({ identities: [identity], rules }) => remove(identity!, 1, rules),
    );
    // as an erasure of the other identifier does, which does not touch who has this one
    await database.query('delete from do_not_link');
    expect(await contacts.apply(TENANT, deletion)).toEqual(new Conflict('claimed'));
  });

  test('lifting one of two rules about a reserved identifier, and the erasure of the other, exclude each other', async () => {
    await write(await identifying(OF_ONE));
    await write(await ruling());
    await write(await ruling({ kind: 'phoneNumber', value: '2' }));
    const first = await lifting();
    expect(first.keptReservations).toEqual([A]);
    await database.query('delete from do_not_link where rule_id = 2');
    await database.query(`delete from identifier where value = '2'`);
    expect(await contacts.apply(TENANT, first)).toEqual(new Conflict('claimed'));
  });

  test('an erasure frees what a deletion under way reserves for a rule that is going', async () => {
    await write(await identifying(OF_A));
    const deletion = new pg.Client({ connectionString: database.adminUrl });
    await deletion.connect();
    await deletion.query('begin');
    await deletion.query('update contact set deleted_at = now() where id = 1');
    await deletion.query(`update identifier set contact_id = null where value = 'a'`);
    await deletion.query(
      `insert into event_outbox (tenant_id, id, at, events) values (1, nextval('event_outbox_id_seq'), now(),
        '[{"type": "contact.deleted", "data": {"primaryContactId": null, "contactIds": [1]}}]')`,
    );
    const session = openSession(contacts.getEntityManager());
    const freed = session.transaction(
      async (transaction) =>
        transaction.commit(...(await freeUnruled(transaction, STANDARD_KINDS, TENANT, [A], null))),
      TENANT,
    );
    await untilLocked(database);
    await deletion.query('commit');
    await deletion.end();
    await freed;
    expect(await storedValues()).toEqual([]);
  });

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

  describe('a lift of the rule about reserved identifiers', () => {
    const TWO: Identifier = { kind: 'phoneNumber', value: '2' };
    let lift: Writes;

    beforeEach(async () => {
      await write(await ruling());
      lift = await lifting();
      expect(lift.freedReservations).toEqual([A, ONE]);
    });

    test('frees them', async () => {
      await write(lift);
      expect(await storedValues()).toEqual([]);
      expect(await contacts.findRule(TENANT, 1)).toBeNull();
    });

    test('and a further rule on one of them exclude each other', async () => {
      const further = await ruling(TWO);
      await write(further);
      expect(await contacts.apply(TENANT, lift)).toEqual(new Conflict('claimed'));
      await write(await lifting());
      expect(await storedValues()).toEqual([{ value: '2' }, { value: 'a' }]);
    });

    test('and a further rule that comes second exclude each other', async () => {
      const further = await ruling(TWO);
      await write(lift);
      expect(await contacts.apply(TENANT, further)).toEqual(new Conflict('claimed'));
    });

    test('and a newcomer who takes one of them exclude each other', async () => {
      const newcomer = await identifying(OF_A);
      await write(newcomer);
      expect(await contacts.apply(TENANT, lift)).toEqual(new Conflict('claimed'));
    });

    test('and a newcomer who comes second exclude each other', async () => {
      const newcomer = await identifying(OF_A);
      await write(lift);
      expect(await contacts.apply(TENANT, newcomer)).toEqual(new Conflict('claimed'));
    });

    test('and a newcomer who was decided with it exclude each other, though another rule keeps the reservation', async () => {
      await write(await ruling(TWO));
      const newcomer = await identifying(OF_A);
      await write(await lifting());
      expect(await contacts.apply(TENANT, newcomer)).toEqual(new Conflict('claimed'));
    });

    test('takes place once', async () => {
      await write(lift);
      expect(await contacts.apply(TENANT, lift)).toEqual(new Conflict('claimed'));
    });
  });

  test('two lifts of a rule between identities exclude each other', async () => {
    await write(await identifying(OF_A, OF_ONE));
    await write(await ruling());
    const [one, other] = [await lifting(), await lifting()];
    await write(one);
    expect(await contacts.apply(TENANT, other)).toBeInstanceOf(Conflict);
  });

  test('a merge by force and a rule that is made between the identities exclude each other', async () => {
    await write(await identifying(OF_A, OF_ONE));
    const [merge, rule] = [
      await decided({ tenantId: TENANT, contactIds: [1, 2] }, (of) => mergeByHand(of, [1, 2], true).writes),
      await ruling(),
    ];
    await write(rule);
    expect(await contacts.apply(TENANT, merge)).toBeInstanceOf(Conflict);
  });

  test('under locks a decision is made with the rules that it asks for', async () => {
    await write(await identifying(OF_A, OF_ONE));
    await write(await ruling());
    const sightings = [sightingOf(BOTH)];
    const told: unknown[] = [];
    await contacts.applyLocked({ tenantId: TENANT, sightings }, [1, 2], (snapshot) => {
      const { answers, writes } = reconcile(snapshot, sightings);
      told.push(answers[0]!.view!.ignored);
      return writes;
    });
    expect(told).toEqual([undefined, [{ kind: 'phoneNumber', reason: 'do-not-link' }]]);
  });
});

test('a rule that is no longer there is not lifted, whatever the versions say', async () => {
  await write(await identifying(OF_A, OF_ONE));
  await write(await ruling());
  const lift = await lifting();
  await database.query('delete from do_not_link where is_reverse');
  expect(await contacts.apply(TENANT, lift)).toEqual(new Conflict('claimed'));
  await database.query('delete from do_not_link');
});

test('a rule is told with the change that made it, in the order in which it was named', async () => {
  const note = { kind: 'rule', actor: 'doc', reason: 'Two', idempotency: null, isChanged: true } as const;
  const change = { ...note, contactIds: [] };
  const reversed = await decided(holding(A, ONE), (snapshot) => makeRule(snapshot, [ONE, A]).writes);
  const drawn = await contacts.apply(TENANT, { ...reversed, change });
  const told = { id: 1, identifiers: [ONE, A], createdAt: expect.any(Number), actor: 'doc', reason: 'Two' };
  expect(drawn).toMatchObject({ ruleIds: [1], changeId: expect.any(Number) });
  for (const identifier of [A, ONE]) {
    expect((await contacts.loadRules(TENANT, [identifier])).rules).toEqual([told]);
  }
  expect(await contacts.findRule(TENANT, 1)).toEqual(told);
  expect(await contacts.rulesOfChange(TENANT, (drawn as { changeId: number }).changeId)).toEqual([told]);
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

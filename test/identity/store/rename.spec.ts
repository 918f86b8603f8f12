import { ormOptions } from '../../../mikro-orm.config.js';
import { openDatabase } from '../../../src/database/open-database.js';
import type { Identifier, Snapshot } from '../../../src/identity/domain/contact.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { renormalise } from '../../../src/identity/domain/renormalise.js';
import { liftRule, makeRule } from '../../../src/identity/domain/rules.js';
import { asksForMore, type Writes } from '../../../src/identity/domain/writes.js';
import { Conflict } from '../../../src/identity/identity.errors.js';
import type { ContactRepository } from '../../../src/identity/store/contact.repository.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { use, useDatabase } from '../../support/hooks.js';
import { violations } from '../../support/invariants.js';
import { settingsOf } from '../../support/settings.js';

const TENANT = 1;
const LORRAINE: Identifier = { kind: 'email', value: 'lorraine@hillvalley.edu' };
const MCFLY: Identifier = { kind: 'email', value: 'mcfly@hillvalley.edu' };
const OLD: Identifier = { kind: 'phoneNumber', value: '0171' };
const NORMAL: Identifier = { kind: 'phoneNumber', value: '+49171' };

const database = useDatabase();
const opened = use(
  () => openDatabase(ormOptions(settingsOf({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' }), 'serve')),
  async (open) => open[Symbol.asyncDispose](),
);
const contacts = (): ContactRepository => opened.orm.em.getRepository(Contact);

beforeEach(() => database.clear());

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

/** A decision on what is stored now of some identifiers, with the rules that it asks for. */
async function decided(
  identifiers: readonly Identifier[],
  decide: (snapshot: Snapshot) => Writes,
): Promise<Writes> {
  const sightings = identifiers.map((identifier) => ({ identifiers: [identifier] }));
  let snapshot = await contacts().load({ tenantId: TENANT, sightings });
  for (let writes = decide(snapshot); ; writes = decide(snapshot)) {
    if (!asksForMore(writes)) {
      return writes;
    }
    snapshot = await contacts().withMore(TENANT, snapshot, writes);
  }
}

const identifying = (...identifiers: Identifier[]): Promise<Writes> =>
  decided(identifiers, (snapshot) => reconcile(snapshot, [{ identifiers }]).writes);

const ruling = (one: Identifier, other: Identifier): Promise<Writes> =>
  decided([one, other], (snapshot) => makeRule(snapshot, [one, other]).writes);

const lifting = (id: number, one: Identifier, other: Identifier): Promise<Writes> =>
  decided([one, other], (snapshot) => liftRule(snapshot, id, [one, other]).writes);

const renaming = (): Promise<Writes> =>
  decided(
    [OLD, NORMAL],
    (snapshot) =>
      renormalise(snapshot, [{ ...OLD, to: NORMAL.value }], {
        formOf: ({ value }) => (value === OLD.value ? NORMAL.value : value),
        isBlocked: () => false,
      }).writes,
  );

const write = (writes: Writes) => contacts().apply(TENANT, writes);

async function written(writes: Writes): Promise<void> {
  expect(await write(writes)).toMatchObject({ freshIds: expect.any(Array) as number[] });
}

const rules = () =>
  database.query(
    `select rule_id::int as id, value, other_value as other from do_not_link where is_reverse is null order by 1`,
  );
const values = async (): Promise<string[]> =>
  (await database.query<{ value: string }>('select value from identifier where kind = 1')).map(
    ({ value }) => value,
  );

test('a reserved value gets another one with its rules; the value before is free', async () => {
  await written(await ruling(OLD, LORRAINE));
  await written(await renaming());
  expect(await rules()).toEqual([{ id: 1, value: NORMAL.value, other: LORRAINE.value }]);
  expect(await values()).toEqual([NORMAL.value]);
});

test('a rule that somebody makes about a reserved value meanwhile is a conflict, and then follows', async () => {
  await written(await ruling(OLD, LORRAINE));
  const late = await renaming();
  await written(await ruling(OLD, MCFLY));
  expect(await write(late)).toEqual(new Conflict('claimed'));
  await written(await renaming());
  expect(await rules()).toEqual([
    { id: 1, value: NORMAL.value, other: LORRAINE.value },
    { id: 2, value: NORMAL.value, other: MCFLY.value },
  ]);
});

test('a reservation that ends meanwhile is a conflict, and nothing is left of it', async () => {
  await written(await ruling(OLD, LORRAINE));
  const late = await renaming();
  await written(await lifting(1, OLD, LORRAINE));
  expect(await write(late)).toEqual(new Conflict('claimed'));
  expect(await values()).toEqual([]);
});

test('a claim of the other value that somebody makes meanwhile is a conflict, and then they become one', async () => {
  await written(await identifying(LORRAINE, OLD));
  const late = await renaming();
  await written(await identifying(MCFLY, NORMAL));
  expect(await write(late)).toEqual(new Conflict('claimed'));
  await written(await renaming());
  expect(await database.query('select distinct coalesce(linked_id, id)::int as id from contact')).toEqual([
    { id: 1 },
  ]);
  expect(await values()).toEqual([NORMAL.value]);
});

test('the rules of a value that somebody has follow it, and one that is there twice then is one', async () => {
  await written(await identifying(LORRAINE, OLD));
  await written(await ruling(OLD, MCFLY));
  await written(await ruling(NORMAL, MCFLY));
  await written(await renaming());
  expect(await rules()).toEqual([{ id: 1, value: NORMAL.value, other: MCFLY.value }]);
});

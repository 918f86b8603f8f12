import { jest } from '@jest/globals';
import { MikroORM } from '@mikro-orm/core';
import pg from 'pg';
import { ormOptions } from '../../../mikro-orm.config.js';
import { DatabaseUnavailableError } from '../../../src/database/session/unavailable.js';
import { DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { NO_WRITES, type Writes } from '../../../src/identity/domain/writes.js';
import { Conflict } from '../../../src/identity/identity.errors.js';
import type { ContactRepository } from '../../../src/identity/store/contact.repository.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { useDatabase } from '../../support/hooks.js';
import { addLargeIdentity } from '../../support/large-identity.js';
import { settingsOf } from '../../support/settings.js';
import { sighting } from '../domain/fixtures.js';

const TENANT = 1;
const SIZE = 11_000;

const database = useDatabase();
let orm: MikroORM;
let contacts: ContactRepository;

beforeAll(async () => {
  orm = await MikroORM.init({
    ...ormOptions(settingsOf({ DATABASE_URL: database.url }), 'serve'),
    logger: () => undefined,
  });
  contacts = orm.em.getRepository(Contact);
  contacts.policyOf = () => ({ ...DEFAULT_POLICY, maxContacts: Infinity });
});

beforeEach(async () => {
  await database.query(
    'truncate contact, identifier, identity_merge, do_not_link, change, event_head, event_outbox, event_log cascade',
  );
  await database.query('alter sequence contact_id_seq restart');
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  await orm.close();
});

/** What deleting contact 1 changes, decided and not yet written. */
async function deletion(): Promise<Writes> {
  const { identities, rules } = await contacts.load({ tenantId: TENANT, contactIds: [1] });
  return remove(identities[0]!, 1, rules);
}

/** By primary: how many rows link to it; and how many claims there are. */
async function links(): Promise<unknown> {
  return database.query(
    `select coalesce(linked_id, id)::int as primary, count(*)::int - 1 as links,
        (select count(*)::int from identifier) as claims
      from contact group by 1 order by 1`,
  );
}

/** By name of a statement: how many rows each was sent with, from now on. */
function rowsSent(): Record<string, number[]> {
  const sent: Record<string, number[]> = {};
  const query = Reflect.get(pg.Client.prototype, 'query') as (...args: unknown[]) => void;
  const recorded = function (this: pg.Client, ...args: unknown[]): void {
    const [{ name, values }] = args as [{ name?: string; values?: unknown[] }];
    const [, array] = values ?? [];
    if (name !== undefined && typeof array === 'string' && array.startsWith('{')) {
      // of ids: they have no commas
      (sent[name] ??= []).push(array.split(',').length);
    }
    return query.apply(this, args);
  };
  jest.spyOn(pg.Client.prototype, 'query').mockImplementation(recorded);
  return sent;
}

test('no statement locks or re-links more rows than it has the time for', async () => {
  await addLargeIdentity(database, SIZE);
  const writes = await deletion();
  const sent = rowsSent();
  expect(await contacts.apply(TENANT, writes)).toMatchObject({ freshIds: [] });
  expect(sent).toMatchObject({
    contact_lock_unchanged: [5_000, 5_000, 1_000],
    contact_relink: [5_000, 5_000, 1_000],
  });
  expect(await links()).toEqual([{ primary: 2, links: SIZE - 1, claims: 2 * SIZE - 2 }]);
});

test('two large identities are merged in steps as well, under locks too', async () => {
  const lorraine = await addLargeIdentity(database, 2, 'lorraine');
  const george = await addLargeIdentity(database, SIZE, 'george');
  const sightings = [sighting('lorraine1@hillvalley.edu', george.phoneNumber)];
  const selection = { tenantId: TENANT, sightings };
  const sent = rowsSent();
  await contacts.applyLocked(
    selection,
    [lorraine.primaryId, george.primaryId],
    (snapshot) => reconcile(snapshot, sightings).writes,
  );
  expect(sent.contact_relink).toEqual([5_000, 5_000, 1_001]);
  expect(await links()).toEqual([{ primary: 1, links: SIZE + 1, claims: 2 * SIZE + 4 }]);
});

test('rules are made and lifted in steps', async () => {
  const pairs = Array.from({ length: 6_000 }, (_, i) => {
    const [email, phone] = sighting(`doc${i}@hillvalley.edu`, String(i + 1)).identifiers;
    return [email!, phone!] as const;
  });
  const change = {
    kind: 'rule',
    actor: 'doc',
    reason: 'Two customers',
    idempotency: null,
    isChanged: true,
    contactIds: [],
  } as const;
  const sent = rowsSent();
  await contacts.apply(TENANT, { ...NO_WRITES, rules: pairs, reservations: pairs.flat(), change });
  expect(sent.do_not_link_insert).toEqual([5_000, 5_000, 2_000]);
  const { rules } = await contacts.loadRules(TENANT, pairs.flat());
  expect(rules.map(({ identifiers }) => identifiers)).toEqual(pairs);
  expect(new Set(rules.map(({ id }) => id)).size).toBe(pairs.length);
  const lifted = { ...NO_WRITES, liftedRules: rules, freedReservations: pairs.flat(), change };
  expect(await contacts.apply(TENANT, lifted)).toMatchObject({ ruleIds: [] });
  expect(await database.query('select from do_not_link')).toEqual([]);
  expect(await database.query('select from identifier')).toEqual([]);
  // one that was lifted before
  expect(await contacts.apply(TENANT, { ...lifted, freedReservations: [] })).toEqual(new Conflict('claimed'));
});

test('if one row has changed, whatever part it is in, nothing is written', async () => {
  await addLargeIdentity(database, SIZE);
  const writes = await deletion();
  await database.query(`update contact set version = 2 where id = ${SIZE - 1}`);
  expect(await contacts.apply(TENANT, writes)).toEqual(new Conflict('changed', [SIZE - 1]));
  expect(await links()).toEqual([{ primary: 1, links: SIZE - 1, claims: 2 * SIZE }]);
});

test('a write that takes too long is given up as a whole', async () => {
  await addLargeIdentity(database, SIZE);
  const writes = await deletion();
  const now = performance.now();
  const sent = rowsSent();
  jest
    .spyOn(performance, 'now')
    .mockImplementation(() => now + ((sent.contact_relink?.length ?? 0) > 1 ? 61_000 : 0));
  await expect(contacts.apply(TENANT, writes)).rejects.toThrow(DatabaseUnavailableError);
  jest.restoreAllMocks();
  expect(await links()).toEqual([{ primary: 1, links: SIZE - 1, claims: 2 * SIZE }]);
});

test('reading gives up at the limit of rows, and what is known does not count', async () => {
  await addLargeIdentity(database, 100);
  const selection = { tenantId: TENANT, contactIds: [7] };
  expect(await contacts.loadAtMost(99, selection)).toBeNull();
  const { identities } = (await contacts.loadAtMost(100, selection))!;
  expect(identities[0]!.rows).toHaveLength(100);
  expect(await contacts.loadAtMost(1, selection, identities)).toMatchObject({ identities });
  expect((await contacts.loadAtMost(Infinity, selection))!.identities).toHaveLength(1);
});

test('reading evidence gives up if those who have an identifier that it names are too many', async () => {
  const { phoneNumber } = await addLargeIdentity(database, 100);
  const { primaryId } = await addLargeIdentity(database, 2, 'marty');
  const selection = {
    tenantId: TENANT,
    evidenceOf: [primaryId],
    sightings: [],
    pastSince: null,
    holdersOf: () => [{ kind: 'phoneNumber', value: phoneNumber }],
  };
  expect(await contacts.loadAtMost(99, selection)).toBeNull();
  const { identities } = (await contacts.loadAtMost(100, selection))!;
  expect(identities.map(({ rows }) => rows.length)).toEqual([2, 100]);
});

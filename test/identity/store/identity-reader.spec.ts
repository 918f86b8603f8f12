import { MikroORM } from '@mikro-orm/core';
import { Registry } from 'prom-client';
import { ormOptions } from '../../../mikro-orm.config.js';
import { DecisionWriter } from '../../../src/identity/decision-writer.js';
import type { Identity, Sighting } from '../../../src/identity/domain/contact.js';
import { factsOf } from '../../../src/identity/domain/facts.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import type { Writes } from '../../../src/identity/domain/writes.js';
import { IdentityMetrics } from '../../../src/identity/identity.metrics.js';
import type { ContactRepository } from '../../../src/identity/store/contact.repository.js';
import { Contact } from '../../../src/identity/store/entities/contact.js';
import { IdentityReader } from '../../../src/identity/store/identity-reader.js';
import { sighting } from '../domain/fixtures.js';
import { useDatabase } from '../../support/hooks.js';
import { random, seedOf } from '../../support/random.js';
import { settingsOf } from '../../support/settings.js';

const TENANT = 1;

const database = useDatabase();
let orm: MikroORM;
let contacts: ContactRepository;
let reader: IdentityReader;
let writer: DecisionWriter;

beforeAll(async () => {
  const settings = settingsOf({ DATABASE_URL: database.url, IDENTITY_CACHE_MIN_CONTACTS: '1' });
  orm = await MikroORM.init({ ...ormOptions(settings, 'serve'), logger: () => undefined });
  contacts = orm.em.getRepository(Contact);
  reader = new IdentityReader(contacts, settings);
  writer = new DecisionWriter(contacts, reader, settings, new IdentityMetrics(settings, new Registry()));
});

beforeEach(async () => {
  await database.query(
    'truncate contact, identifier, identity_merge, event_head, event_outbox, event_log cascade',
  );
  await database.query('alter sequence contact_id_seq restart');
});

afterAll(async () => {
  await orm.close();
});

const write = (...sightings: Sighting[]) =>
  writer.write({ tenantId: TENANT, sightings }, (snapshot) => reconcile(snapshot, sightings));

const byId = ({ primaryId, rows }: Identity): Identity => ({
  primaryId,
  rows: rows.toSorted((a, b) => a.id - b.id),
});

test('a contact that was added is known without reading it', async () => {
  await write(sighting('george@hillvalley.edu', '1'));
  await reader.load({ tenantId: TENANT, contactIds: [1] });
  await write(sighting('george@hillvalley.edu', '2'));
  const selection = { tenantId: TENANT, contactIds: [1] };
  const { identities } = await contacts.load(selection);
  expect(reader.known(selection).map(byId)).toEqual(identities.map(byId));
  const [read] = (await reader.load(selection)).identities;
  expect(read).toBe(reader.known(selection)[0]);
});

/**
 * The primaries of the identities that are known as they are stored.
 *
 * Everything that is known of them must be what is stored; the others are of another version.
 */
async function upToDate(): Promise<Set<number>> {
  const found = new Set<number>();
  for (const known of reader.known({ tenantId: TENANT, contactIds: [0] })) {
    const { identities } = await contacts.load({ tenantId: TENANT, contactIds: [known.primaryId] });
    const stored = identities.find(({ primaryId }) => primaryId === known.primaryId);
    if (stored !== undefined && versionOf(stored) === versionOf(known)) {
      expect(byId(known)).toEqual(byId(stored));
      expect(factsOf(known)).toEqual(factsOf(byId(stored)));
      found.add(known.primaryId);
    }
  }
  return found;
}

const versionOf = ({ primaryId, rows }: Identity) => rows.find(({ id }) => id === primaryId)!.version;

test('what is known is what is stored, or is of another version, whatever is written', async () => {
  const next = random(seedOf('known identities'));
  const value = (): string => String(Math.floor(next() * 30));
  let growths = 0;
  let merges = 0;
  let known = await upToDate();
  for (let step = 0; step < 150; step++) {
    const sightings = Array.from({ length: 1 + Math.floor(next() * 3) }, () => ({
      ...sighting(`e${value()}@hillvalley.edu`, value()),
      ...(next() < 0.2 && { createdAt: Math.floor(next() * 1e15) }),
    }));
    let grown: number[] = [];
    if (next() < 0.1) {
      const { identities } = await reader.load({ tenantId: TENANT, sightings });
      const identity = identities[0];
      const contact = identity?.rows.find(({ isDeleted }) => !isDeleted);
      if (contact !== undefined) {
        await writer.write(
          { tenantId: TENANT, contactIds: [contact.id] },
          ({ identities: [found], rules }) => ({
            writes: remove(found!, contact.id, rules),
          }),
        );
      }
    } else {
      const { decision } = await write(...sightings);
      merges += decision.writes.merges.length;
      grown = onlyGrown(decision.writes).filter((id) => known.has(id));
    }
    known = await upToDate();
    // Growth alone does not make what is known out of date.
    expect([...known]).toEqual(expect.arrayContaining(grown));
    growths += grown.length;
  }
  // Over 30 seeds there were 11 to 19 merges, and 5 to 21 growths, 14 on average: none at all is out of the question.
  expect(merges).toBeGreaterThan(0);
  expect(growths).toBeGreaterThan(0);
});

/** The primaries of stored identities that a decision added contacts to, and did not change otherwise. */
function onlyGrown({ touched }: Writes): number[] {
  const isMore = (primaryId: number): boolean => touched.some(({ linkedId }) => linkedId === primaryId);
  return touched
    .filter(({ id, linkedId, createdAt }) => linkedId === null && createdAt === undefined && !isMore(id))
    .map(({ id }) => id);
}

test('a sighting is about a large identity if one that was read has a thousand contacts', async () => {
  const others = Array.from({ length: 1_000 }, (_, i) => sighting('biff@hillvalley.edu', String(100 + i)));
  const biff = sighting('biff@hillvalley.edu', null);
  await write(...others.slice(0, 999));
  await reader.load({ tenantId: TENANT, sightings: [biff] });
  expect(reader.isAboutLarge(TENANT, biff)).toBe(false);
  await write(others[999]!);
  expect(reader.isAboutLarge(TENANT, biff)).toBe(true);
  expect(reader.isAboutLarge(TENANT, sighting('doc@hillvalley.edu', '500'))).toBe(true);
  expect(reader.isAboutLarge(TENANT, sighting('doc@hillvalley.edu', null))).toBe(false);
  expect(reader.isAboutLarge(2, biff)).toBe(false);
});

test('an identity without live contacts, which only evidence has, disturbs no later read', async () => {
  const marty = sighting('marty@hillvalley.edu', null);
  await write(marty);
  await database.query('update contact set deleted_at = now()');
  const { identities } = await reader.load({
    tenantId: TENANT,
    evidenceOf: [1],
    sightings: [],
    pastSince: null,
  });
  expect(identities).toMatchObject([{ primaryId: 1 }]);
  expect(reader.isAboutLarge(TENANT, marty)).toBe(false);
  expect(reader.known({ tenantId: TENANT, sightings: [marty] })).toEqual([]);
});

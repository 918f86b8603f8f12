import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { openDatabase, type OpenDatabase } from '../../src/database/open-database.js';
import { ExceedingIdentities, type Exceeding } from '../../src/identity/exceeding-identities.js';
import { ReadLanes } from '../../src/identity/read-lanes.js';
import { Contact } from '../../src/identity/store/entities/contact.js';
import { IdentityLists } from '../../src/identity/store/identity-lists.js';
import { PolicyRevisions } from '../../src/identity/store/policy-revisions.js';
import { use, useDatabase } from '../support/hooks.js';
import { addLargeIdentity } from '../support/large-identity.js';
import { random, seedOf } from '../support/random.js';

const database = useDatabase();
const settings = (): Settings => new Settings({ DATABASE_URL: database.url });
const opened: OpenDatabase = use(
  () => openDatabase(ormOptions(settings(), 'serve')),
  async (each) => each[Symbol.asyncDispose](),
);

function exceeding(): ExceedingIdentities {
  const contacts = opened.orm.em.getRepository(Contact);
  return new ExceedingIdentities(
    new PolicyRevisions(contacts),
    new IdentityLists(contacts),
    new ReadLanes(settings()),
  );
}

const above = (name: string, max: number, withinMs = Infinity): Promise<Exceeding> =>
  exceeding().of(1, [{ name, max }], withinMs);

const told = ({ identities, total }: Exceeding): unknown => ({
  identities: identities.map(({ identity, count }) => ({ primaryId: identity.view.primaryContactId, count })),
  total,
});

/** What one statement finds that counts everything at once. */
async function expected(counted: string, max: number): Promise<unknown> {
  const rows = await database.query<{ primaryId: number; count: number }>(
    `select coalesce(linked_id, id)::int as "primaryId", count(distinct ${counted})::int as count from contact
      where deleted_at is null group by 1 having count(distinct ${counted}) > $1 order by 2 desc, 1`,
    [max],
  );
  return { identities: rows.slice(0, 50), total: rows.length };
}

beforeEach(() => database.clear());

test('identities that a step of counting cuts, or that fill several steps, are counted like all others', async () => {
  const seed = seedOf('exceeding identities');
  const next = random(seed);
  await addLargeIdentity(database, 2 + Math.floor(next() * 100), 'small');
  await addLargeIdentity(database, 70_000, 'huge');
  await addLargeIdentity(database, 24_000, 'large');
  for (let i = 0; i < 20; i++) {
    await addLargeIdentity(database, 1 + Math.floor(next() * 4_000), `cut${i}-`);
  }
  // Fewer values than contacts, and some that are deleted.
  await database.query(
    `update contact set email = case id % 3 when 0 then null else 'shared' || id / 50 end`,
  );
  await database.query('update contact set deleted_at = now() where linked_id is not null and id % 7 = 0');
  for (const max of [1, 1_000]) {
    expect({ seed, found: told(await above('email', max)) }).toEqual({
      seed,
      found: await expected('email', max),
    });
    expect({ seed, found: told(await above('maxContacts', max)) }).toEqual({
      seed,
      found: await expected('id', max),
    });
  }
}, 120_000);

test('where there was not the time to count all, the total is not known', async () => {
  await addLargeIdentity(database, 3);
  expect(told(await above('maxContacts', 2, -1))).toEqual({ identities: [], total: null });
  expect(told(await above('maxContacts', 2))).toMatchObject({ total: 1 });
});

test('without a lowered limit nothing is read', async () => {
  expect(await exceeding().of(1, [], -1)).toEqual({ identities: [], total: 0 });
});

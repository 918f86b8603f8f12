import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { openDatabase, type OpenDatabase } from '../../src/database/open-database.js';
import { SizeRankings, type Ranked } from '../../src/identity/size-rankings.js';
import { Contact } from '../../src/identity/store/entities/contact.js';
import { IdentityLists } from '../../src/identity/store/identity-lists.js';
import { use, useDatabase } from '../support/hooks.js';
import { addLargeIdentity } from '../support/large-identity.js';

const TENANT = 1;
const database = useDatabase();
const opened: OpenDatabase = use(
  () => openDatabase(ormOptions(new Settings({ DATABASE_URL: database.url }), 'serve')),
  async (each) => each[Symbol.asyncDispose](),
);

const rankings = (): SizeRankings =>
  new SizeRankings(new IdentityLists(opened.orm.em.getRepository(Contact)));

/** So many identities of so many contacts, with the next ids. */
async function addIdentities(count: number, size: number): Promise<void> {
  await database.query(
    `with n as (select nextval('contact_id_seq') as id, i from generate_series(0, $1::int * $2::int - 1) i),
      g as (select id, i / $2::int as g, min(id) over (partition by i / $2::int) as primary_id from n)
    insert into contact (tenant_id, id, email, linked_id, link_precedence, created_at, updated_at)
      select 1, id, id || '@hillvalley.edu', nullif(primary_id, id),
        case when id = primary_id then 'primary' else 'secondary' end, now(), now() from g`,
    [count, size],
  );
}

async function expected(limit = 10_000): Promise<Ranked[]> {
  return database.query(
    `select coalesce(linked_id, id)::int as "primaryId", count(*)::int as contacts from contact
      where deleted_at is null group by 1 order by 2 desc, 1 limit ${limit}`,
  );
}

beforeEach(() => database.clear());

test('identities that a step of counting cuts, or that fill several steps, are ranked like all others', async () => {
  await addIdentities(3, 1);
  await addLargeIdentity(database, 120_000, 'huge');
  await addIdentities(20, 3);
  await addLargeIdentity(database, 49_000, 'large');
  await addLargeIdentity(database, 2_000, 'cut');
  await addIdentities(5, 2);
  await database.query('update contact set deleted_at = now() where linked_id is not null and id % 7 = 0');
  expect(await rankings().of(TENANT)).toEqual(await expected());
}, 60_000);

test('the ranking has the ten thousand largest', async () => {
  await addIdentities(8_000, 1);
  await addIdentities(6_000, 2);
  await addIdentities(3_000, 3);
  await addIdentities(10_000, 1);
  expect(await rankings().of(TENANT)).toEqual(await expected());
  await addIdentities(30_000, 2);
  await addIdentities(9_000, 4);
  expect(await rankings().of(TENANT)).toEqual(await expected());
}, 60_000);

test('a tenant with few links is counted each time, one with many only after a while', async () => {
  const each = rankings();
  await addIdentities(2, 2);
  expect(await each.of(TENANT)).toHaveLength(2);
  await addIdentities(1, 3);
  expect(await each.of(TENANT)).toEqual(await expected());

  await addLargeIdentity(database, 60_000);
  const counted = await each.of(TENANT);
  await addIdentities(1, 10);
  expect(await each.of(TENANT)).toBe(counted);
  let later = counted;
  for (let tries = 0; tries < 600 && later === counted; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    later = await each.of(TENANT);
  }
  expect(later).toEqual(await expected());
}, 60_000);

test('those who ask at the same time share one count', async () => {
  await addIdentities(2, 2);
  const each = rankings();
  const [one, other] = await Promise.all([each.of(TENANT), each.of(TENANT)]);
  expect(one).toBe(other);
});

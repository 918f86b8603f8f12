import { administerKeys } from '../support/keys.js';
import { use, useApp, useGuardedDatabase } from '../support/hooks.js';
import { until } from '../support/until.js';

// One of two tenants meets a shard that is slow or dead, as far as the service can see: rules of the database make each statement
// about its rows wait, or fail.

const guarded = useGuardedDatabase();
const keys = use(
  () => administerKeys(guarded.database.url),
  (each) => each.close(),
);
const app = useApp(() => ({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' }));
const authorizations: Record<string, string>[] = [];

beforeAll(async () => {
  await keys.createTenant('slow');
  authorizations.push(
    { authorization: `Bearer ${await keys.make({ tenant: 'default' })}` },
    { authorization: `Bearer ${await keys.make({ tenant: 'slow' })}` },
  );
  await guarded.database.query(`
    create table trouble (kind text);
    create function meets_trouble(tenant_id int) returns boolean language plpgsql security definer as $$
    begin
      while tenant_id > 1 and exists (select from public.trouble) loop
        if exists (select from public.trouble where kind <> 'slow') then
          raise exception using errcode = (select kind from public.trouble);
        end if;
        perform pg_sleep(0.02);
      end loop;
      return true;
    end $$;
    create policy trouble on contact as restrictive using (meets_trouble(tenant_id));
    create policy trouble on identifier as restrictive using (meets_trouble(tenant_id));`);
});

let last = 0;
const newcomer = (): object => ({ email: `marty${last++}@hillvalley.edu` });
const call = (tenant: 0 | 1, path: string, body: object): Promise<number> =>
  app.client.send('POST', path, body, authorizations[tenant]).then(({ status }) => status);

async function during(kind: string, work: () => Promise<void>): Promise<void> {
  await guarded.database.query('insert into trouble values ($1)', [kind]);
  try {
    await work();
  } finally {
    await guarded.database.query('delete from trouble');
  }
}

/** Calls of both tenants, many of the one in trouble, until the other one has made so many; the statuses that each got. */
async function callsOfBoth(calls: number): Promise<[number[], number[]]> {
  const statuses: [number[], number[]] = [[], []];
  let isOver = false;
  const troubled = Array.from({ length: 40 }, async (_, i) => {
    while (!isOver) {
      statuses[1].push(await call(1, i % 2 === 0 ? '/identify' : '/lookup', known[1]));
    }
  });
  for (let made = 0; made < calls; made++) {
    statuses[0].push(await call(0, '/identify', newcomer()), await call(0, '/lookup', known[0]));
  }
  isOver = true;
  await guarded.database.query('delete from trouble');
  await Promise.all(troubled);
  return statuses;
}

const known = [{ email: 'doc@hillvalley.edu' }, { email: 'biff@hillvalley.edu' }] as const;

test.each([
  ['is slow', 'slow'],
  ['is dead', '08006'],
])('a shard that %s fails only the calls of its own tenants, until it is back', async (_, kind) => {
  for (const tenant of [0, 1] as const) {
    expect(await call(tenant, '/identify', known[tenant])).toBe(200);
  }
  await during(kind, async () => {
    const [healthy, troubled] = await callsOfBoth(60);
    expect(healthy.filter((status) => status !== 200)).toEqual([]);
    expect(troubled.filter((status) => status !== 200 && status !== 503)).toEqual([]);
  });
  await until(async () => (await call(1, '/identify', known[1])) === 200);
  expect(await call(1, '/identify', newcomer())).toBe(200);
});

import pg from 'pg';
import { startApp } from '../support/app.js';
import { administerKeys } from '../support/keys.js';
import { onConnection } from '../support/on-connection.js';
import { createGuardedDatabase, type GuardedDatabase } from '../support/roles.js';

// The second wall: what the database shows whoever gets past the service, or finds a statement without its tenant.

const TABLES = [
  'contact',
  'contact_past',
  'identifier',
  'identity_merge',
  'do_not_link',
  'change',
  'webhook',
  'webhook_delivery',
] as const;

let guarded: GuardedDatabase;

beforeAll(async () => {
  guarded = await createGuardedDatabase();
  const keys = await administerKeys(guarded.ownerUrl);
  await keys.createTenant('hill-valley');
  const [ours, theirs] = [await keys.make(), await keys.make({ tenant: 'hill-valley' })];
  await keys.close();
  await using app = await startApp({ DATABASE_URL: guarded.serviceUrl, AUTH_MODE: 'api-key' });
  for (const key of [ours, theirs]) {
    for (const body of [
      { email: 'lorraine@hillvalley.edu' },
      { phoneNumber: '123456' },
      { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' },
    ]) {
      await app.client.identify(body, { 'x-api-key': key });
    }
    const identifiers = ['1', '2'].map((value) => ({ kind: 'phoneNumber', value }));
    await app.client.send('POST', '/rules', { identifiers, reason: 'Two customers' }, { 'x-api-key': key });
  }
  await guarded.database.query(`insert into webhook (tenant_id, id, url, secret, created_at)
    select tenant_id, tenant_id, 'https://hooks.hillvalley.edu/', '', now() from generate_series(1, 2) tenant_id`);
  await guarded.database.query(`insert into webhook_delivery
      (tenant_id, webhook_id, event_position, state, attempts, created_at)
    select tenant_id, id, 1, 'delivered', 1, now() from webhook`);
});

afterAll(() => guarded.drop());

const onCluster = process.env.CITUS_URL !== undefined;

/** How a transaction begins that names a tenant, to all nodes if there are several. */
const naming = (tenantId: number): string =>
  `begin; ${onCluster ? "set local citus.propagate_set_commands = 'local'; " : ''}set local identity.tenant_id = ${tenantId}`;

/** A cluster lets nobody move a row to another tenant, whatever the policies say. */
const MOVED = onCluster ? '0A000' : '42501';

const tenantsIn = async (client: pg.Client, table: string): Promise<unknown[]> =>
  (await client.query(`select distinct tenant_id from ${table}`)).rows.map(
    (row: { tenant_id: number }) => row.tenant_id,
  );

describe.each(['serviceUrl', 'ownerUrl'] as const)('as the role of %s', (role) => {
  test.each(TABLES)('%s shows no row without a tenant, and those of a tenant with it', async (table) => {
    await onConnection(guarded[role], async (client) => {
      expect(await tenantsIn(client, table)).toEqual([]);
      await client.query(naming(2));
      expect(await tenantsIn(client, table)).toEqual([2]);
      await client.query('commit');
      // the setting is empty now, not absent
      expect(await tenantsIn(client, table)).toEqual([]);
    });
  });

  test('rows of another tenant can be neither written nor taken', async () => {
    await onConnection(guarded[role], async (client) => {
      await client.query(naming(2));
      await expect(
        client.query(`insert into identifier (tenant_id, kind, value, contact_id) values (1, 0, 'x', 1)`),
      ).rejects.toMatchObject({ code: '42501' });
      await client.query(`rollback; ${naming(2)}`);
      expect(
        (await client.query('update contact set version = version + 1 where tenant_id = 1')).rowCount,
      ).toBe(0);
      await expect(client.query('update contact set tenant_id = 1')).rejects.toMatchObject({ code: MOVED });
      await client.query('rollback');
    });
  });
});

test.each(['null', '3'])(
  'the service makes no key for another tenant than the one that is named: %s',
  async (named) => {
    await onConnection(guarded.serviceUrl, async (client) => {
      await client.query(named === 'null' ? 'begin' : naming(Number(named)));
      const made = client.query(
        "insert into api_key (id, tenant_id, name, hash, scopes) values (1, 1, 1, '', array['admin'])",
      );
      await expect(made).rejects.toMatchObject({ code: '42501' });
    });
  },
);

test('the service makes no revoked key work again', async () => {
  await guarded.database.query('update api_key set revoked_at = now() where tenant_id = 2');
  await onConnection(guarded.serviceUrl, async (client) => {
    await client.query(naming(2));
    for (const change of ['revoked_at = null', 'expires_at = null', 'last_used_at = now()']) {
      const { rowCount } = await client.query(`update api_key set ${change} where tenant_id = 2`);
      expect(rowCount).toBe(0);
    }
    await client.query('rollback');
  });
});

test.each([
  `update api_key set scopes = array['admin']`,
  'update api_key set tenant_id = 2',
  "update api_key set hash = ''",
  'delete from api_key',
  `insert into tenant (id, name) values (9, 'x')`,
  'delete from change',
  'delete from erasure',
  'delete from erased_value',
  'delete from identifier_kind',
  'truncate contact',
  'alter table contact no force row level security',
  'drop policy contact_of_tenant on contact',
  'create table x (y int)',
  'delete from mikro_orm_migrations',
])('the service may not: %s', async (statement) => {
  await onConnection(guarded.serviceUrl, async (client) => {
    await client.query(naming(1));
    await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
});

test('the tables of tenants have a policy, all of them', async () => {
  const rows = await guarded.database.query<{ name: string }>(`
    select distinct c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and a.attname = 'tenant_id' and c.relnamespace = 'public'::regnamespace
      and not (c.relrowsecurity and c.relforcerowsecurity) order by 1`);
  // Keys are looked up before the tenant is known; their policies are others.
  expect(rows).toEqual([{ name: 'api_key' }]);
});

test.each(['lo_creat(-1)', 'lo_create(0)', "lo_from_bytea(0, 'x')"])(
  'the role of the service can’t fill the disk by %s',
  async (call) => {
    await onConnection(guarded.serviceUrl, async (client) => {
      await expect(client.query(`select ${call}`)).rejects.toMatchObject({ code: '42501' });
    });
  },
);

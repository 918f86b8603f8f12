import { Migration } from '@mikro-orm/migrations';

const TENANT_TABLES = ['contact', 'identifier', 'identity_merge'];
const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * Tenants, their API keys, the counts of rate limits, and row level security between tenants.
 *
 * A statement sees only the rows of the tenant that `identity.tenant_id` names; if it is not set, none. This binds the owner
 * of the tables too, but not superusers and roles with `bypassrls`.
 *
 * Holds an exclusive lock on the three tables for a moment. Earlier builds do not name their tenant: stop them first, unless
 * they connect as a superuser. `down` drops tenants and keys.
 */
export class TenantsAndKeys extends Migration {
  override up(): void {
    this.addSql('create sequence tenant_id_seq start with 2');
    this.addSql(`create table tenant (
      id int not null,
      name text not null,
      created_at timestamptz(6) not null default now(),
      disabled_at timestamptz(6) null,
      constraint tenant_pkey primary key (id),
      constraint tenant_name_unique unique (name)
    )`);
    this.addSql(`insert into tenant (id, name) values (1, 'default')`);

    this.addSql(`create table api_key (
      id text not null,
      tenant_id int not null,
      name text not null,
      hash bytea not null,
      scopes text[] not null,
      calls_per_minute int null,
      created_at timestamptz(6) not null default now(),
      expires_at timestamptz(6) null,
      revoked_at timestamptz(6) null,
      last_used_at timestamptz(6) null,
      constraint api_key_pkey primary key (id),
      constraint api_key_tenant_id_foreign foreign key (tenant_id)
        references tenant (id) on update no action on delete no action
    )`);
    this.addSql('create index api_key_tenant_id_index on api_key (tenant_id)');

    // The columns that rate-limiter-flexible reads and writes. Half of each page is free for new versions, because the row
    // of a key is updated very often.
    this.addSql(`create table rate_limit (
      key varchar(255) not null,
      points int not null default 0,
      expire bigint null,
      constraint rate_limit_pkey primary key (key)
    ) with (fillfactor = 50)`);

    for (const table of TENANT_TABLES) {
      this.addSql(`alter table ${table} enable row level security`);
      this.addSql(`alter table ${table} force row level security`);
      this.addSql(
        `create policy ${table}_of_tenant on ${table} as permissive for all to public
          using (${OWN_ROWS}) with check (${OWN_ROWS})`,
      );
    }
  }

  override down(): void {
    for (const table of TENANT_TABLES) {
      this.addSql(`drop policy ${table}_of_tenant on ${table}`);
      this.addSql(`alter table ${table} no force row level security`);
      this.addSql(`alter table ${table} disable row level security`);
    }
    this.addSql('drop table rate_limit');
    this.addSql('drop table api_key');
    this.addSql('drop table tenant');
    this.addSql('drop sequence tenant_id_seq');
  }
}

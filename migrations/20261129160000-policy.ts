import { Migration } from '@mikro-orm/migrations';

const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;
const TABLES = ['tenant_policy', 'identifier_kind', 'blocked_value', 'review'];

/**
 * The policy of a tenant: its limits, its kinds of identifiers, the values that link nobody, and the links that people decide on.
 *
 * A tenant without rows has the default policy. The tables are new and nothing is locked. Earlier builds do not know further kinds
 * of identifiers and fail on a contact that has one: declare none before the last of them has ended. `down` drops policies and
 * reviews; contacts keep the values of further kinds.
 */
export class Policy extends Migration {
  override up(): void {
    this.addSql('create sequence blocked_value_id_seq');
    this.addSql('create sequence review_id_seq');
    this.addSql(`create table tenant_policy (
      tenant_id int not null,
      version int not null,
      generation int not null,
      max_contacts int null,
      updated_at timestamptz(6) not null,
      constraint tenant_policy_pkey primary key (tenant_id),
      constraint tenant_policy_max_contacts check (max_contacts > 0)
    )`);
    this.addSql(`create table identifier_kind (
      tenant_id int not null,
      number smallint not null,
      name text not null,
      normaliser text not null,
      max_length int not null,
      priority int not null,
      one_per_identity boolean not null,
      max_per_identity int null,
      is_retired boolean not null,
      constraint identifier_kind_pkey primary key (tenant_id, number),
      constraint identifier_kind_name_unique unique (tenant_id, name),
      constraint identifier_kind_max_per_identity check (max_per_identity > 0)
    )`);
    this.addSql(`create table blocked_value (
      tenant_id int not null,
      id bigint not null,
      kind smallint not null,
      pattern text collate "C" not null,
      change_id bigint null,
      created_at timestamptz(6) not null,
      constraint blocked_value_pkey primary key (tenant_id, id),
      constraint blocked_value_pattern_unique unique (tenant_id, kind, pattern)
    )`);
    this.addSql(`create table review (
      tenant_id int not null,
      id bigint not null,
      kind smallint not null,
      value text collate "C" not null,
      other_kind smallint not null,
      other_value text collate "C" not null,
      reason text not null,
      created_at timestamptz(6) not null,
      decision text null,
      decided_at timestamptz(6) null,
      change_id bigint null,
      constraint review_pkey primary key (tenant_id, id),
      constraint review_of_two check (kind < other_kind or (kind = other_kind and value < other_value)),
      constraint review_decision check ((decision is null) = (decided_at is null))
    )`);
    // Partial, so that a look-up of an id can't be planned by them: a look-up of a pair says `kind >= 0`, which all have.
    this.addSql(
      'create unique index review_pair_unique on review (tenant_id, kind, value, other_kind, other_value) where kind >= 0',
    );
    this.addSql(
      'create index review_other_index on review (tenant_id, other_kind, other_value) where other_kind >= 0',
    );
    this.addSql('create index review_open_index on review (tenant_id, id) where decision is null');
    for (const table of TABLES) {
      this.addSql(`alter table ${table} enable row level security`);
      this.addSql(`alter table ${table} force row level security`);
      this.addSql(
        `create policy ${table}_of_tenant on ${table} as permissive for all to public
          using (${OWN_ROWS}) with check (${OWN_ROWS})`,
      );
    }
  }

  override down(): void {
    TABLES.forEach((table) => this.addSql(`drop table ${table}`));
    this.addSql('drop sequence review_id_seq');
    this.addSql('drop sequence blocked_value_id_seq');
  }
}

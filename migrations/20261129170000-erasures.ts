import { Migration } from '@mikro-orm/migrations';

const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * Erasures: what was erased as keyed hashes, and the work of each erasure. The value of a claim is marked with the erasure that
 * reserves it for a minute.
 *
 * From now on contacts are removed. For each removed contact PostgreSQL reads what may refer to it. The claims of a contact are
 * found by a block range index, which costs next to nothing when a claim is inserted. Three foreign keys go: those of the
 * contact that another attached to, and of the two primaries of a merge. They would need an index each, which every new contact
 * and merge would write to. Contacts that attached to each other are in one identity, whose lock keeps them together; the
 * primaries of a merge are told as they were, as in `contact_past`.
 *
 * Locks `identifier` while the index is built: half a second for a million claims. Builds from before run on this schema. `down`
 * drops what was erased as hashes, so that a replay may bring it back, and frees what is reserved by an erasure.
 */
export class Erasures extends Migration {
  override up(): void {
    this.addSql('alter table contact drop constraint contact_joined_id_foreign');
    this.addSql(`alter table identity_merge
      drop constraint identity_merge_survivor_id_foreign,
      drop constraint identity_merge_merged_id_foreign`);
    this.addSql('alter table identifier add column erasure_id bigint null');
    this.addSql(
      'create index identifier_erasure_id_index on identifier (tenant_id, erasure_id) where erasure_id is not null',
    );
    // Ids and claims are written in the same order, so a range of pages holds few ids.
    this
      .addSql(`create index identifier_contact_id_range on identifier using brin (contact_id int8_minmax_multi_ops)
      with (pages_per_range = 16, autosummarize = on)`);

    this.addSql(`create table erased_value (
      tenant_id int not null,
      hash bytea not null,
      erased_at timestamptz(6) not null,
      blocked_until timestamptz(6) not null,
      constraint erased_value_pkey primary key (tenant_id, hash)
    )`);
    this.addSql(`create table erasure (
      tenant_id int not null,
      id bigint not null,
      status text not null,
      scope text not null,
      contacts int not null,
      identifiers int not null,
      contact_ids bigint[] not null,
      hashes bytea[] not null,
      blocked_until timestamptz(6) not null,
      due_at timestamptz(6) not null,
      created_at timestamptz(6) not null,
      done_at timestamptz(6) null,
      constraint erasure_pkey primary key (tenant_id, id),
      constraint erasure_status_known check (status in ('running', 'done')),
      constraint erasure_scope_known check (scope in ('identity', 'identifier'))
    )`);
    this.addSql(`create index erasure_running_index on erasure (tenant_id, id) where status = 'running'`);
    this.addSql(
      'create index erasure_blocked_index on erasure (tenant_id, id) where blocked_until > created_at',
    );
    for (const table of ['erased_value', 'erasure']) {
      this.addSql(`alter table ${table} enable row level security`);
      this.addSql(`alter table ${table} force row level security`);
      this.addSql(
        `create policy ${table}_of_tenant on ${table} as permissive for all to public
          using (${OWN_ROWS}) with check (${OWN_ROWS})`,
      );
    }
  }

  override down(): void {
    this.addSql('drop table erasure');
    this.addSql('drop table erased_value');
    this.addSql('drop index identifier_contact_id_range');
    // Those of all tenants, also if the role of the migration is bound by row level security.
    const tables = ['identifier', 'do_not_link'];
    tables.forEach((table) => this.addSql(`alter table ${table} no force row level security`));
    this.addSql(`delete from identifier i where contact_id is null and erasure_id is not null and not exists (
      select from do_not_link d where d.tenant_id = i.tenant_id and d.kind = i.kind and d.value = i.value)`);
    tables.forEach((table) => this.addSql(`alter table ${table} force row level security`));
    this.addSql('drop index identifier_erasure_id_index');
    this.addSql('alter table identifier drop column erasure_id');
    this.addSql(`alter table identity_merge
      add constraint identity_merge_survivor_id_foreign foreign key (tenant_id, survivor_id)
        references contact (tenant_id, id) on update no action on delete no action not valid,
      add constraint identity_merge_merged_id_foreign foreign key (tenant_id, merged_id)
        references contact (tenant_id, id) on update no action on delete no action not valid`);
    this
      .addSql(`alter table contact add constraint contact_joined_id_foreign foreign key (tenant_id, joined_id)
      references contact (tenant_id, id) on update no action on delete no action not valid`);
  }
}

import { Migration } from '@mikro-orm/migrations';

const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * Who changed what by hand, and why. An idempotency key is in it once a tenant.
 *
 * The index on `identity_merge` is over merges made by hand alone, so it is empty when it is made. Builds from before run on
 * this schema. `down` drops the record of changes.
 */
export class Changes extends Migration {
  override up(): void {
    this.addSql('create sequence change_id_seq');
    this.addSql(`create table change (
      tenant_id int not null,
      id bigint not null,
      kind text not null,
      at timestamptz(6) not null,
      actor text not null,
      reason text null,
      idempotency_key text null,
      request_hash text null,
      is_changed boolean not null,
      contact_ids bigint[] not null,
      constraint change_pkey primary key (tenant_id, id)
    )`);
    this.addSql(
      `create unique index change_idempotency_key_unique on change (tenant_id, idempotency_key)
        where idempotency_key is not null`,
    );
    // Partial, so that a look-up of an id can't be planned by it.
    this.addSql('create index change_at_index on change (tenant_id, at) where at is not null');
    this.addSql(
      `create index identity_merge_change_id_index on identity_merge (tenant_id, change_id) where change_id is not null`,
    );
    this.addSql('alter table change enable row level security');
    this.addSql('alter table change force row level security');
    this.addSql(
      `create policy change_of_tenant on change as permissive for all to public
        using (${OWN_ROWS}) with check (${OWN_ROWS})`,
    );
  }

  override down(): void {
    this.addSql('drop index identity_merge_change_id_index');
    this.addSql('drop table change');
    this.addSql('drop sequence change_id_seq');
  }
}

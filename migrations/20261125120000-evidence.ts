import { Migration } from '@mikro-orm/migrations';

const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * Why two contacts are one: what each contact attached to, both ends and the cause of each merge, and the states that
 * contacts had before. Further kinds of identifiers, and claims that are reserved for nobody.
 *
 * Adds only nullable columns, so earlier builds run on it. `migrate` fills in the evidence of rows that they have written; see
 * `backfill-evidence.ts`. The foreign keys and the check apply to new rows. Existing rows need no check: the columns are new,
 * and the check is wider than before.
 *
 * Locks `contact` and `identifier` for a moment, and `identity_merge` while two indexes are built: about a second for a
 * million merges. `down` drops the evidence, and fails if there are identifiers of further kinds or reserved claims.
 */
export class Evidence extends Migration {
  override up(): void {
    this.addSql(`alter table contact
      add column identifiers jsonb null,
      add column joined_id bigint null,
      add column joined_assumed boolean null,
      add column recorded_at timestamptz(6) null,
      drop constraint contact_has_identifier,
      add constraint contact_has_identifier
        check (email is not null or phone_number is not null or identifiers is not null) not valid,
      add constraint contact_joined_id_foreign foreign key (tenant_id, joined_id)
        references contact (tenant_id, id) on update no action on delete no action not valid`);

    this.addSql(`alter table identifier
      alter column contact_id drop not null,
      drop constraint identifier_kind_known,
      add constraint identifier_kind_known check (kind >= 0) not valid`);

    this.addSql(`alter table identity_merge
      alter column email drop not null,
      alter column phone_number drop not null,
      add column identifiers jsonb null,
      add column left_contact_id bigint null,
      add column right_contact_id bigint null,
      add column ends_assumed boolean null,
      add column cause text null,
      add column change_id bigint null,
      add column undone_by bigint null,
      add constraint identity_merge_cause_known check (cause in ('sighting', 'manual', 'review', 'kept')) not valid,
      add constraint identity_merge_left_contact_id_foreign foreign key (tenant_id, left_contact_id)
        references contact (tenant_id, id) on update no action on delete no action not valid,
      add constraint identity_merge_right_contact_id_foreign foreign key (tenant_id, right_contact_id)
        references contact (tenant_id, id) on update no action on delete no action not valid`);
    // Partial, so that a look-up of one end can't be planned by the index of the other.
    for (const end of ['left_contact_id', 'right_contact_id']) {
      this.addSql(
        `create index identity_merge_${end}_index on identity_merge (tenant_id, ${end}) where ${end} is not null`,
      );
    }

    this.addSql(`create table contact_past (
      tenant_id int not null,
      contact_id bigint not null,
      until timestamptz(6) not null,
      linked_id bigint null,
      created_at timestamptz(6) not null,
      email text null,
      phone_number text null,
      identifiers jsonb null,
      change_id bigint null,
      constraint contact_past_pkey primary key (tenant_id, contact_id, until),
      constraint contact_past_contact_id_foreign foreign key (tenant_id, contact_id)
        references contact (tenant_id, id) on update no action on delete no action
    )`);
    // steps that were done after the migrations, each once
    this.addSql(`create table backfill (
      name text not null,
      done_at timestamptz(6) not null,
      constraint backfill_pkey primary key (name)
    )`);
    this.addSql('alter table contact_past enable row level security');
    this.addSql('alter table contact_past force row level security');
    this.addSql(
      `create policy contact_past_of_tenant on contact_past as permissive for all to public
        using (${OWN_ROWS}) with check (${OWN_ROWS})`,
    );
  }

  override down(): void {
    this.addSql('drop table backfill');
    this.addSql('drop table contact_past');
    this.addSql('drop index identity_merge_right_contact_id_index');
    this.addSql('drop index identity_merge_left_contact_id_index');
    this.addSql(`alter table identity_merge
      drop column undone_by,
      drop column change_id,
      drop column cause,
      drop column ends_assumed,
      drop column right_contact_id,
      drop column left_contact_id,
      drop column identifiers,
      alter column phone_number set not null,
      alter column email set not null`);
    this.addSql(`alter table identifier
      drop constraint identifier_kind_known,
      add constraint identifier_kind_known check (kind in (0, 1)),
      alter column contact_id set not null`);
    this.addSql(`alter table contact
      drop constraint contact_has_identifier,
      add constraint contact_has_identifier check (email is not null or phone_number is not null),
      drop column recorded_at,
      drop column joined_assumed,
      drop column joined_id,
      drop column identifiers`);
  }
}

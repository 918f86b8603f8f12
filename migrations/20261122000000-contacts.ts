import { Migration } from '@mikro-orm/migrations';

/**
 * The three tables of an identity: contacts, the claims on their identifiers, and the log of merges.
 *
 * Every key begins with the tenant, so that the schema can be sharded by tenant. Foreign keys are `no action`: rows are
 * never deleted, and distributed engines support nothing else.
 *
 * Locks nothing that existed before. `down` drops all data.
 */
export class Contacts extends Migration {
  override up(): void {
    // Separate sequences instead of identity columns: ids are drawn before the insert, and the ORM's schema comparison
    // reports an identity column in a composite key as a difference.
    this.addSql('create sequence contact_id_seq');
    this.addSql('create sequence identity_merge_id_seq');

    this.addSql(`create table contact (
      tenant_id int not null,
      id bigint not null,
      email text null,
      phone_number text null,
      linked_id bigint null,
      link_precedence text not null,
      version int not null default 1,
      created_at timestamptz(6) not null,
      updated_at timestamptz(6) not null,
      deleted_at timestamptz(6) null,
      constraint contact_pkey primary key (tenant_id, id),
      constraint contact_has_identifier check (email is not null or phone_number is not null),
      constraint contact_primary_has_no_link check (
        (link_precedence = 'primary' and linked_id is null)
        or (link_precedence = 'secondary' and linked_id is not null and linked_id <> id)),
      constraint contact_linked_id_foreign foreign key (tenant_id, linked_id)
        references contact (tenant_id, id) on update no action on delete no action
    ) with (fillfactor = 90)`);
    this.addSql(
      `create index contact_linked_id_index on contact (tenant_id, linked_id) where linked_id is not null`,
    );

    // If one identity had most of the contacts, the planner would expect as many behind every link and scan the table for
    // each identity. Without statistics it uses the index.
    this.addSql('alter table contact alter column linked_id set statistics 0');

    this.addSql(`create table identifier (
      tenant_id int not null,
      kind smallint not null,
      value text collate "C" not null,
      contact_id bigint not null,
      constraint identifier_pkey primary key (tenant_id, kind, value) include (contact_id),
      constraint identifier_kind_known check (kind in (0, 1)),
      constraint identifier_contact_id_foreign foreign key (tenant_id, contact_id)
        references contact (tenant_id, id) on update no action on delete no action
    )`);

    this.addSql(`create table identity_merge (
      tenant_id int not null,
      id bigint not null,
      survivor_id bigint not null,
      merged_id bigint not null,
      email text not null,
      phone_number text not null,
      created_at timestamptz(6) not null,
      constraint identity_merge_pkey primary key (tenant_id, id),
      constraint identity_merge_survivor_id_foreign foreign key (tenant_id, survivor_id)
        references contact (tenant_id, id) on update no action on delete no action,
      constraint identity_merge_merged_id_foreign foreign key (tenant_id, merged_id)
        references contact (tenant_id, id) on update no action on delete no action
    )`);
  }

  override down(): void {
    this.addSql('drop table identity_merge');
    this.addSql('drop table identifier');
    this.addSql('drop table contact');
    this.addSql('drop sequence identity_merge_id_seq');
    this.addSql('drop sequence contact_id_seq');
  }
}

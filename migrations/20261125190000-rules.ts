import { Migration } from '@mikro-orm/migrations';

const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * Rules: two identifiers that must never be in one identity, whoever holds them.
 *
 * Each rule is two rows, one for each side, so that the primary key finds the rules of an identifier. The foreign key
 * prevents an identifier with a rule from being freed: it stays held or reserved.
 *
 * Locks `contact` for a moment. Earlier builds do not know rules: make no rule before the last of them has ended. `down` drops
 * the rules.
 */
export class Rules extends Migration {
  override up(): void {
    this.addSql('alter table contact add column is_ruled boolean null');
    this.addSql('create sequence rule_id_seq');
    this.addSql(`create table do_not_link (
      tenant_id int not null,
      kind smallint not null,
      value text collate "C" not null,
      other_kind smallint not null,
      other_value text collate "C" not null,
      rule_id bigint not null,
      change_id bigint null,
      created_at timestamptz(6) not null,
      constraint do_not_link_pkey primary key (tenant_id, kind, value, other_kind, other_value),
      constraint do_not_link_of_two check (kind <> other_kind or value <> other_value),
      constraint do_not_link_identifier_foreign foreign key (tenant_id, kind, value)
        references identifier (tenant_id, kind, value) on update no action on delete no action
    )`);
    this.addSql('create index do_not_link_rule_id_index on do_not_link (tenant_id, rule_id)');
    this.addSql('alter table do_not_link enable row level security');
    this.addSql('alter table do_not_link force row level security');
    this.addSql(
      `create policy do_not_link_of_tenant on do_not_link as permissive for all to public
        using (${OWN_ROWS}) with check (${OWN_ROWS})`,
    );
  }

  override down(): void {
    this.addSql('drop table do_not_link');
    this.addSql('drop sequence rule_id_seq');
    // Those of all tenants, also if the role of the migration is bound by row level security.
    this.addSql('alter table identifier no force row level security');
    this.addSql('delete from identifier where contact_id is null');
    this.addSql('alter table identifier force row level security');
    this.addSql('alter table contact drop column is_ruled');
  }
}

import { Migration } from '@mikro-orm/migrations';

/**
 * Makes the index on the ids of rules partial, so that a look-up of an identifier can't be planned by it: PostgreSQL did so when
 * the table had been analysed while it was empty, and then read all rules of the tenant for each identifier.
 *
 * Locks `do_not_link` while the index is built: a second for a million rules. `down` makes the index as it was.
 */
export class RuleIds extends Migration {
  override up(): void {
    this.addSql('drop index do_not_link_rule_id_index');
    this.addSql(
      'create index do_not_link_rule_id_index on do_not_link (tenant_id, rule_id) where rule_id is not null',
    );
  }

  override down(): void {
    this.addSql('drop index do_not_link_rule_id_index');
    this.addSql('create index do_not_link_rule_id_index on do_not_link (tenant_id, rule_id)');
  }
}

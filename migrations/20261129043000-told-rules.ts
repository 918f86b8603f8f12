import { Migration } from '@mikro-orm/migrations';

/**
 * Which side of a rule was named first, and the rules of a change.
 *
 * Locks `do_not_link` for a moment; it is empty, because no build before this one makes rules. Builds from before run on this
 * schema. `down` drops the column and the index.
 */
export class ToldRules extends Migration {
  override up(): void {
    this.addSql('alter table do_not_link add column is_reverse boolean null');
    // Partial, so that a look-up of an identifier can't be planned by it.
    this.addSql(
      `create index do_not_link_change_id_index on do_not_link (tenant_id, change_id)
        where change_id is not null and is_reverse is null`,
    );
  }

  override down(): void {
    this.addSql('drop index do_not_link_change_id_index');
    this.addSql('alter table do_not_link drop column is_reverse');
  }
}

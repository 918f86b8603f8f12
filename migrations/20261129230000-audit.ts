import { Migration } from '@mikro-orm/migrations';

/**
 * The API keys that a change by hand is about.
 *
 * Locks `change` for a moment. Builds from before run on this schema, and leave the column null. `down` forgets which keys were
 * changed, and keeps by whom and why.
 */
export class Audit extends Migration {
  override up(): void {
    this.addSql('alter table change add column key_ids text[] null');
  }

  override down(): void {
    this.addSql('alter table change drop column key_ids');
  }
}

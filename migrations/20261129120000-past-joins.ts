import { Migration } from '@mikro-orm/migrations';

/**
 * What a contact was attached to until a change, if the change attached it to another one, or to none; 0: it was attached to
 * none. A split does that.
 *
 * Locks `contact_past` for a moment. Builds from before run on this schema. `down` drops the column.
 */
export class PastJoins extends Migration {
  override up(): void {
    this.addSql('alter table contact_past add column joined_id bigint null');
  }

  override down(): void {
    this.addSql('alter table contact_past drop column joined_id');
  }
}

import { Migration } from '@mikro-orm/migrations';

/**
 * The states of contacts by what they linked to, so that the members of an identity at a past moment are found.
 *
 * Locks `contact_past` while the index is made: about a second for a million states. Undone by `down`.
 */
export class PastLinks extends Migration {
  override up(): void {
    // Partial: what was a primary links to nothing, and is found by its own key.
    this.addSql(
      `create index contact_past_linked_id_index on contact_past (tenant_id, linked_id) where linked_id is not null`,
    );
  }

  override down(): void {
    this.addSql('drop index contact_past_linked_id_index');
  }
}

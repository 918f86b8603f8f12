import { Migration } from '@mikro-orm/migrations';

const CAUSES = ['sighting', 'manual', 'review', 'kept'];

/**
 * Lets a merge say that two values have one normal form by now.
 *
 * Locks `identity_merge` for a moment: rows are not checked again. The previous build shows such merges as they are. `down` calls
 * them made by hand.
 */
export class RenormalisedMerges extends Migration {
  override up(): void {
    this.addSql(check([...CAUSES, 'renormalised']));
  }

  override down(): void {
    // Those of all tenants, also if the role of the migration is bound by row level security.
    this.addSql('alter table identity_merge no force row level security');
    this.addSql(`update identity_merge set cause = 'manual' where cause = 'renormalised'`);
    this.addSql('alter table identity_merge force row level security');
    this.addSql(check(CAUSES));
  }
}

function check(causes: readonly string[]): string {
  const list = causes.map((cause) => `'${cause}'`).join(', ');
  return `alter table identity_merge drop constraint identity_merge_cause_known,
    add constraint identity_merge_cause_known check (cause in (${list})) not valid`;
}

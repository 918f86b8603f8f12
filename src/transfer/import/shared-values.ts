import type { SqlSession, Statement } from '../../database/session/sql-session.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import { csvLine, guarded } from '../csv.js';
import { createPrivately } from '../files.js';

/** A value that many people share after an import, or would. */
export interface SharedValue {
  /** The name of its kind */
  readonly kind: string;
  readonly value: string;
  /** That carry it, those from before and new ones */
  readonly contacts: number;
  /** That it caused, by rows that brought no new contact */
  readonly merges: number;
}

/** People who may share a value, such as a family. A value that more have is worth a look. */
export const SHARED_BY = 10;
/** Links that one statement reads: 150 to 300 ms on two busy cores */
const STEP_LINKS = 25_000;
/** By how much a step grows while one identity has all of its links */
const GROWTH = 4;

/** What was stored before an import, by its last contact and merge. */
export interface Before {
  readonly contactId: number;
  readonly mergeId: number;
}

/** How far the contacts and merges of a tenant go by now. */
export async function lastStored(session: SqlSession, tenantId: number): Promise<Before> {
  const [row] = await session.query([LAST_STORED, tenantId], tenantId);
  return { contactId: Number(row!.contact_id), mergeId: Number(row!.merge_id) };
}

/**
 * The values that more than {@link SHARED_BY} contacts and merges have, the most common ones first. Those that nothing new came to
 * since are left out. Reads all links in short steps, and the contacts of identities that are large enough: a value is in one identity.
 *
 * @param kinds all that the tenant has by now
 * @param stepLinks how many links one statement reads
 */
export async function sharedValues(
  session: SqlSession,
  tenantId: number,
  before: Before,
  kinds: Kinds,
  stepLinks = STEP_LINKS,
): Promise<SharedValue[]> {
  const shared: SharedValue[] = [];
  for (let after = 0, size = stepLinks, isLast = false; !isLast;) {
    const [step] = await session.query([LARGE_IDENTITIES, tenantId, after, size, SHARED_BY], tenantId);
    const last = Number(step!.last);
    isLast = Number(step!.links) < size;
    const ids = (step!.large as readonly unknown[]).filter((id) => isLast || Number(id) !== last);
    const { contactId, mergeId } = before;
    const rows =
      ids.length === 0
        ? []
        : await session.query([SHARED_VALUES, tenantId, ids, contactId, mergeId, SHARED_BY], tenantId);
    shared.push(
      ...rows.map(({ kind, value, contacts, merges }) => ({
        kind: kinds.numbered(Number(kind)).name,
        value: value as string,
        contacts: Number(contacts),
        merges: Number(merges),
      })),
    );
    // The last identity is read again from its first link on. If it had all links of this step, it needs a longer one.
    size = last - 1 === after ? size * GROWTH : stepLinks;
    after = last - 1;
  }
  return shared.toSorted((a, b) => sharersOf(b) - sharersOf(a) || (a.value < b.value ? -1 : 1));
}

/** How many people share a value, about. */
export function sharersOf({ contacts, merges }: SharedValue): number {
  return contacts + merges;
}

/** Writes shared values to a file that only its owner may read. People open it in a spreadsheet, where no value may run as a formula. */
export async function writeSharedValues(path: string, values: readonly SharedValue[]): Promise<void> {
  const file = await createPrivately(path);
  try {
    const lines = values.map(({ kind, value, contacts, merges }) =>
      csvLine([kind, guarded(value), String(contacts), String(merges)]),
    );
    await file.writeFile(['kind,value,contacts,merges\n', ...lines].join(''));
  } finally {
    await file.close();
  }
}

export const LAST_STORED: Statement = {
  name: 'import_last_stored',
  text: `select
    coalesce((select id from contact where tenant_id = $1 order by id desc limit 1), 0) as contact_id,
    coalesce((select id from identity_merge where tenant_id = $1 order by id desc limit 1), 0) as merge_id`,
};

/** $2 the identity to begin after, $3 how many links, $4 so many links are few. The last identity may be counted in part. */
export const LARGE_IDENTITIES: Statement = {
  name: 'import_large_identities',
  text: `with c as materialized (
    select linked_id as id from contact
    where tenant_id = $1 and linked_id > $2::bigint order by linked_id limit $3::int),
  g as materialized (select id, count(*) as links from c group by id)
  select coalesce(sum(links), 0)::int as links, max(id) as last,
    coalesce(array_agg(id) filter (where links >= $4::int), '{}') as large from g`,
};

/** $2 identities, $3 and $4 the last contact and merge from before, $5 so many contacts and merges are few. */
export const SHARED_VALUES: Statement = {
  name: 'import_shared_values',
  text: `with c as materialized (
    select m.* from unnest($2::bigint[]) l(id) cross join lateral (
      select id, email, phone_number, identifiers, deleted_at from contact where tenant_id = $1 and id = l.id
      union all
      select id, email, phone_number, identifiers, deleted_at from contact where tenant_id = $1 and linked_id = l.id
      offset 0) m),
  m as materialized (
    select e.* from c cross join lateral (
      select email, phone_number, identifiers from identity_merge
      where tenant_id = $1 and left_contact_id = c.id and id > $4 offset 0) e),
  used as (
    select v.kind, v.value, c.id > $3 as is_new, 1 as contacts, 0 as merges from c cross join lateral (
      ${valuesOf('c')}) v
    where c.deleted_at is null
    union all
    select v.kind, v.value, true, 0, 1 from m cross join lateral (${valuesOf('m')}) v)
  select kind, value, sum(contacts)::int as contacts, sum(merges)::int as merges from used
  where value is not null group by kind, value having count(*) > $5 and bool_or(is_new)`,
};

function valuesOf(row: string): string {
  return `select 0::smallint as kind, ${row}.email as value union all select 1, ${row}.phone_number
    union all select e.key::smallint, e.value from jsonb_each_text(${row}.identifiers) e`;
}

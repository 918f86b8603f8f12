import type { TestDatabase } from './database.js';

/** Each finds the rows that break one invariant, straight from the tables. */
const VIOLATIONS: Readonly<Record<string, string>> = {
  'a value of a live contact has no claim, or its claim lies in another identity': `
    select c.tenant_id, c.id, v.kind, v.value from contact c
      cross join lateral (values (0, c.email), (1, c.phone_number)) v(kind, value)
      left join identifier i on i.tenant_id = c.tenant_id and i.kind = v.kind and i.value = v.value
      left join contact o on o.tenant_id = c.tenant_id and o.id = i.contact_id
    where c.deleted_at is null and v.value is not null
      and coalesce(o.linked_id, o.id) is distinct from coalesce(c.linked_id, c.id)`,
  'a claim is not held by the oldest live contact that carries the value': `
    select i.* from identifier i where i.contact_id is distinct from (
      select c.id from contact c
      where c.tenant_id = i.tenant_id and c.deleted_at is null
        and case i.kind when 0 then c.email else c.phone_number end = i.value
      order by c.created_at, c.id limit 1)`,
  'the primary of an identity with live contacts is not its oldest live contact': `
    select * from (
      select distinct on (tenant_id, root) tenant_id, root, id from (
        select tenant_id, coalesce(linked_id, id) as root, id, created_at from contact where deleted_at is null) live
      order by tenant_id, root, created_at, id) oldest
    where id <> root`,
  'a link does not lead to a primary': `
    select c.* from contact c join contact p on p.tenant_id = c.tenant_id and p.id = c.linked_id
    where p.linked_id is not null`,
  'two live contacts of one identity carry the same pair of identifiers': `
    select tenant_id, coalesce(linked_id, id), email, phone_number from contact where deleted_at is null
    group by 1, 2, 3, 4 having count(*) > 1`,
};

/** Every violation found in the database, by invariant; empty if all hold. */
export async function violations(database: TestDatabase): Promise<Record<string, object[]>> {
  const found: Record<string, object[]> = {};
  for (const [invariant, query] of Object.entries(VIOLATIONS)) {
    const rows = await database.query<object>(query);
    if (rows.length > 0) {
      found[invariant] = rows.slice(0, 3);
    }
  }
  return found;
}

/** The identifiers of each identity as stored, each sorted, for comparison with a closure of what was sent. */
export async function partition(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ members: string[] }>(`
    select array_agg(distinct case i.kind when 0 then 'e:' else 'p:' end || i.value) as members
    from identifier i join contact c on c.tenant_id = i.tenant_id and c.id = i.contact_id
    group by c.tenant_id, coalesce(c.linked_id, c.id)`);
  return rows.map(({ members }) => members.toSorted().join(' ')).toSorted();
}

import type { TestDatabase } from './database.js';
import { untold } from './told.js';
import { evidenceFaults, type Edge } from './evidence.js';

/** Each finds the rows that break one invariant, straight from the tables. */
const VIOLATIONS: Readonly<Record<string, string>> = {
  'a value of a live contact has no claim, or its claim lies in another identity': `
    select c.tenant_id, c.id, v.kind, v.value from contact c
      cross join lateral (
        select 0, c.email union all select 1, c.phone_number
        union all select key::int, value from jsonb_each_text(c.identifiers)) v(kind, value)
      left join identifier i on i.tenant_id = c.tenant_id and i.kind = v.kind and i.value = v.value
      left join contact o on o.tenant_id = c.tenant_id and o.id = i.contact_id
    where c.deleted_at is null and v.value is not null
      and coalesce(o.linked_id, o.id) is distinct from coalesce(c.linked_id, c.id)`,
  'a claim is not held by the oldest live contact that carries the value': `
    with held as (
      select distinct on (c.tenant_id, v.kind, v.value) c.tenant_id, v.kind, v.value, c.id from contact c
        cross join lateral (
          select 0, c.email union all select 1, c.phone_number
          union all select key::int, value from jsonb_each_text(c.identifiers)) v(kind, value)
      where c.deleted_at is null and v.value is not null
      order by c.tenant_id, v.kind, v.value, c.created_at, c.id)
    select i.* from identifier i
      left join held h on h.tenant_id = i.tenant_id and h.kind = i.kind and h.value = i.value
    where i.contact_id is not null and i.contact_id is distinct from h.id`,
  'the primary of an identity with live contacts is not its oldest live contact': `
    select * from (
      select distinct on (tenant_id, root) tenant_id, root, id from (
        select tenant_id, coalesce(linked_id, id) as root, id, created_at from contact where deleted_at is null) live
      order by tenant_id, root, created_at, id) oldest
    where id <> root`,
  'a link does not lead to a primary': `
    select c.* from contact c join contact p on p.tenant_id = c.tenant_id and p.id = c.linked_id
    where p.linked_id is not null`,
  'two live contacts of one identity carry the same pair of identifiers, though none lost one': `
    select tenant_id, coalesce(linked_id, id), email, phone_number, identifiers from contact c where deleted_at is null
      and not exists (select from erasure e where e.tenant_id = c.tenant_id and e.scope = 'identifier')
      and not exists (
        select from contact_past p where p.tenant_id = c.tenant_id and p.contact_id = c.id and
          (p.email, p.phone_number, p.identifiers) is distinct from (c.email, c.phone_number, c.identifiers))
    group by 1, 2, 3, 4, 5 having count(*) > 1`,
  'one identity holds both identifiers of a rule': `
    select d.* from do_not_link d
      join identifier i on i.tenant_id = d.tenant_id and i.kind = d.kind and i.value = d.value
      join identifier o on o.tenant_id = d.tenant_id and o.kind = d.other_kind and o.value = d.other_value
      join contact c on c.tenant_id = i.tenant_id and c.id = i.contact_id
      join contact e on e.tenant_id = o.tenant_id and e.id = o.contact_id
    where coalesce(c.linked_id, c.id) = coalesce(e.linked_id, e.id)`,
  'an identifier is reserved, no rule speaks of it, and no erasure holds it': `
    select i.* from identifier i where i.contact_id is null and i.erasure_id is null and not exists (
      select from do_not_link d where d.tenant_id = i.tenant_id and d.kind = i.kind and d.value = i.value)`,
  'an identity holds an identifier with a rule, and no row of it that carries it says so': `
    select d.* from do_not_link d
      join identifier i on i.tenant_id = d.tenant_id and i.kind = d.kind and i.value = d.value
      join contact c on c.tenant_id = i.tenant_id and c.id = i.contact_id
    where not exists (
      select from contact r
      where r.tenant_id = c.tenant_id and coalesce(r.linked_id, r.id) = coalesce(c.linked_id, c.id) and r.is_ruled
        and d.value = case d.kind when 0 then r.email when 1 then r.phone_number
          else r.identifiers ->> d.kind::text end)`,
  'a rule has one side only': `
    select d.* from do_not_link d where not exists (
      select from do_not_link o where o.tenant_id = d.tenant_id and o.kind = d.other_kind
        and o.value = d.other_value and o.other_kind = d.kind and o.other_value = d.value and o.rule_id = d.rule_id
        and o.is_reverse is distinct from d.is_reverse)`,
  'a past state of a contact ends after its last change': `
    select p.* from contact_past p join contact c on c.tenant_id = p.tenant_id and c.id = p.contact_id
    where p.until > c.updated_at`,
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
  const told = await untold(database, { isWhole: false });
  if (told.length > 0) {
    found['whoever follows the events is wrong about who is one'] = told;
  }
  const faults = await faultsOfEvidence(database);
  return faults.length === 0 ? found : { ...found, 'the evidence of an identity is not a tree': faults };
}

/** Faults of the evidence of each tenant; see {@link evidenceFaults}. */
async function faultsOfEvidence(database: TestDatabase): Promise<object[]> {
  // One statement, so one moment: an erasure goes on in the background after its call was answered.
  const rows = await database.query<{
    tenant: number;
    merge: boolean;
    one: number;
    other: number;
    joined: number;
  }>(
    `select tenant_id as tenant, false as merge, id::float8 as one, linked_id::float8 as other, joined_id::float8 as joined
       from contact
     union all
     select tenant_id, true, left_contact_id::float8, right_contact_id::float8, null
       from identity_merge where undone_by is null
     order by merge, one`,
  );
  const contacts = rows
    .filter(({ merge }) => !merge)
    .map(({ tenant, one, other, joined }) => ({ tenant, id: one, linked: other, joined }));
  const merges = rows
    .filter(({ merge }) => merge)
    .map(({ tenant, one, other }) => ({ tenant, left: one, right: other }));
  return [...Map.groupBy(contacts, ({ tenant }) => tenant)].flatMap(([tenantId, ofTenant]) => {
    const attached = ofTenant.flatMap(({ id, joined }): Edge[] => (joined === null ? [] : [[id, joined]]));
    const joined = merges
      .filter(({ tenant }) => tenant === tenantId)
      .map(({ left, right }): Edge => [left, right]);
    return evidenceFaults(
      ofTenant.map(({ id, linked }) => ({ id, linkedId: linked })),
      [...attached, ...joined],
    ).map((fault) => ({ tenantId, fault }));
  });
}

/** All rows that a change by hand may write, for comparison. */
export async function storedRows(database: TestDatabase): Promise<unknown> {
  const tables = [
    'contact',
    'contact_past',
    'identifier',
    'identity_merge',
    'change',
    'do_not_link',
    'review',
  ];
  return Promise.all(tables.map((table) => database.query(`select * from ${table} t order by t::text`)));
}

/** The identifiers of each identity as stored, each sorted, for comparison with a closure of what was sent. */
export async function partition(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ members: string[] }>(`
    select array_agg(distinct case i.kind when 0 then 'e:' else 'p:' end || i.value) as members
    from identifier i join contact c on c.tenant_id = i.tenant_id and c.id = i.contact_id
    group by c.tenant_id, coalesce(c.linked_id, c.id)`);
  return rows.map(({ members }) => members.toSorted().join(' ')).toSorted();
}

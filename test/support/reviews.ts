import type { ServiceClient } from './client.js';
import type { TestDatabase } from './database.js';

/** What may not be, once everybody has read the open reviews: a pair with two, and open ones that are decided by themselves. */
export async function reviewsAfter(
  database: TestDatabase,
  client: ServiceClient,
): Promise<{ twice: object[]; openThough: object[] }> {
  for (let next: string | null = ''; next !== null;) {
    const { body }: { body: { next: string | null } } = await client.send(
      'GET',
      `/reviews${next && `?after=${next}`}`,
    );
    next = body.next;
  }
  return {
    twice: await database.query(`
      select r.id, o.id as other from review r join review o on o.tenant_id = r.tenant_id and o.id <> r.id
      where (o.kind, o.value, o.other_kind, o.other_value) in
        ((r.kind, r.value, r.other_kind, r.other_value), (r.other_kind, r.other_value, r.kind, r.value))`),
    openThough: await database.query(`
      select r.id, d.rule_id, c.id as contact, e.id as other from review r
        left join do_not_link d on d.tenant_id = r.tenant_id and d.kind = r.kind and d.value = r.value
          and d.other_kind = r.other_kind and d.other_value = r.other_value
        left join identifier i on i.tenant_id = r.tenant_id and i.kind = r.kind and i.value = r.value
        left join identifier o on o.tenant_id = r.tenant_id and o.kind = r.other_kind and o.value = r.other_value
        left join contact c on c.tenant_id = i.tenant_id and c.id = i.contact_id
        left join contact e on e.tenant_id = o.tenant_id and e.id = o.contact_id
      where r.decision is null
        and (d.rule_id is not null or coalesce(c.linked_id, c.id) = coalesce(e.linked_id, e.id))`),
  };
}

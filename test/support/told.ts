import type { TestDatabase } from './database.js';
import { Follower, type Followed } from './follower.js';

interface Event extends Followed {
  readonly tenant_id: number;
}

interface StoredContact {
  readonly type: null;
  readonly tenant_id: number;
  readonly data: { readonly id: number; readonly root: number; readonly isLive: boolean };
}

/**
 * All events in their order, those with a position first, then those that wait for one; and all contacts. One statement, so one
 * moment: a service may go on with an erasure.
 */
const EVENTS_AND_CONTACTS = `
  select tenant_id, type, data from (
    select tenant_id, 0 as place, position as at, 0 as part, type, data from event_log
    union all
    select tenant_id, 1, id, part, event ->> 'type', event -> 'data'
      from event_outbox cross join lateral json_array_elements(events) with ordinality e(event, part)
    union all
    select tenant_id, 2, id, 0, null,
      json_build_object('id', id, 'root', coalesce(linked_id, id), 'isLive', deleted_at is null)
      from contact) e
  order by tenant_id, place, at, part`;

/** Whose positions are not 1, 2, 3 … up to the head. */
const GAPS = `
  select h.tenant_id, 'positions with gaps' as fault from event_head h
  where h.position - h.trimmed <>
    (select count(*) from event_log l where l.tenant_id = h.tenant_id and l.position between h.trimmed + 1 and h.position)
    or exists (select from event_log l where l.tenant_id = h.tenant_id and l.position > h.position)`;

/**
 * Where somebody who follows all events from the first on is wrong about who is one, by tenant; empty if nowhere.
 *
 * @param isWhole whether all contacts came by calls, which leave events; otherwise a tenant with a contact that was never told of is
 *   left out
 */
export async function untold(database: TestDatabase, { isWhole = true } = {}): Promise<object[]> {
  const found = await database.query<object>(GAPS);
  const all = await database.query<Event | StoredContact>(EVENTS_AND_CONTACTS);
  for (const [tenantId, ofTenant] of Map.groupBy(all, ({ tenant_id: id }) => id)) {
    const told = ofTenant.filter((row): row is Event => row.type !== null);
    const rows = ofTenant.filter((row): row is StoredContact => row.type === null).map(({ data }) => data);
    const named = new Set(told.flatMap(({ data }) => data.contactIds ?? []));
    if (!isWhole && rows.some(({ id }) => !named.has(id))) {
      continue;
    }
    const follower = new Follower();
    told.forEach((event) => follower.follow(event));
    const stored = rows.filter(({ isLive }) => isLive).map(({ id, root }) => `${id} in ${root}`);
    const known = follower.partition.map(([id, root]) => `${id} in ${root}`);
    const [missing, wrong] = [without(stored, known), without(known, stored)];
    if (missing.length + wrong.length > 0) {
      found.push({ tenantId, missing: missing.slice(0, 5), wrong: wrong.slice(0, 5) });
    }
  }
  return found;
}

function without(some: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return some.filter((each) => !known.has(each));
}

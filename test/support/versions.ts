import { queryNodeOf } from './cluster.js';
import type { TestDatabase } from './database.js';

/** Of the services that record versions: they ask for no key. */
const TENANT = 1;

/**
 * From now on records, with every change that is committed, what each identity is and under which version of its primary: its
 * contacts, their evidence, the merges in force, and the rules about what it holds. Services may keep all that by the version.
 *
 * @param withRules false: an erasure removes the rules about what it erases, and does not touch who has the other identifier
 *
 * A deferred trigger of the test's database does it. It runs at the commit, under the lock of the primary.
 */
export async function recordVersions(database: TestDatabase, { withRules = true } = {}): Promise<void> {
  await queryNode(
    database,
    `
    create table version_log (root bigint, version int, content text);
    create function log_version(asked bigint) returns void language sql security definer as $$
      insert into version_log
      select p.id, p.version, jsonb_build_array(
        (select jsonb_agg(jsonb_build_array(c.id, c.email, c.phone_number, c.identifiers, c.created_at, c.version,
            c.deleted_at, c.is_ruled, c.joined_id, c.joined_assumed) order by c.id)
          from contact c where coalesce(c.linked_id, c.id) = p.id),
        (select jsonb_agg(m.id order by m.id) from identity_merge m
          join contact c on c.id = m.left_contact_id and coalesce(c.linked_id, c.id) = p.id where m.undone_by is null),
        (select jsonb_agg(distinct d.rule_id) filter (where ${withRules}) from contact c join identifier i on i.contact_id = c.id
          join do_not_link d on d.kind = i.kind and d.value = i.value where coalesce(c.linked_id, c.id) = p.id))
      from contact p where p.id = asked and p.linked_id is null
    $$;
    create function log_versions() returns trigger language plpgsql as $$
      begin
        perform log_version(coalesce(new.linked_id, new.id));
        if tg_op = 'UPDATE' then
          perform log_version(coalesce(old.linked_id, old.id));
        end if;
        return null;
      end
    $$;
    create constraint trigger log_versions after insert or update on contact
      deferrable initially deferred for each row execute function log_versions();`,
  );
}

/** Versions that were recorded with more than one content; empty if each means one. */
export async function ambiguousVersions(database: TestDatabase): Promise<object[]> {
  const [{ count } = { count: 0 }] = await queryNode<{ count: number }>(
    database,
    'select count(*)::int as count from version_log',
  );
  if (count === 0) {
    throw new Error('no version was recorded');
  }
  return queryNode(
    database,
    `select root, version, array_agg(distinct content) as contents from version_log
    group by 1, 2 having count(distinct content) > 1 order by 1, 2 limit 3`,
  );
}

/** Where the rows are: a trigger of a cluster runs on the node that has them. */
async function queryNode<T extends object>(database: TestDatabase, text: string): Promise<T[]> {
  return process.env.CITUS_URL === undefined
    ? database.query<T>(text)
    : queryNodeOf<T>(database, TENANT, text);
}

// Which table goes where. A tenant is one shard: all of its rows, of all tables, are on one node.

/** Small, looked up before the tenant is known: a copy on each node. */
const REFERENCE = new Set(['tenant', 'api_key', 'console_session', 'mikro_orm_migrations', 'backfill']);
/** Updated very often, and of no tenant: spread by its key. */
const BY_KEY = new Map([['rate_limit', 'key']]);
const ROOT = 'contact';

/**
 * Spreads the tables that are not yet, in an order in which none comes before one that it refers to. `contact` is first of those
 * that are spread by tenant, the others lie beside it.
 *
 * @param admin a superuser on the coordinator; another role only while the tables are empty
 * @param service the role of the replicas
 * @throws {Error} if a table is unknown, or rows of it would be lost
 */
export async function distribute(admin, service) {
  const tables = await tablesOf(admin);
  const unknown = tables.filter((table) => placementOf(table) === null).map(({ name }) => name);
  if (unknown.length > 0) {
    throw new Error(
      `Nobody has decided where these tables belong: ${unknown.join(', ')}. Nothing was distributed.`,
    );
  }
  const pending = inOrder(tables).filter(({ isDistributed }) => !isDistributed);
  await refuseHiddenRows(admin, pending);
  await together(admin, async () => {
    for (const table of pending) {
      await spread(admin, table);
    }
    // a table can't be emptied while a local one refers to it
    for (const { name } of pending) {
      await admin.query('select truncate_local_data_after_distributing_table($1::regclass)', [name]);
    }
  });
  // Who changes a reference table locks the rows of those that it refers to; the column is one that nobody reads.
  await admin.query(`grant update (created_at) on tenant to ${service}`);
  return pending.length === 0
    ? ['Every table is distributed already.']
    : pending.map((table) => `Distributed ${table.name} ${placementOf(table).title}`);
}

/** Every table of the service: where it is, and which others it refers to. */
export async function tablesOf(admin) {
  const { rows } = await admin.query(`
    select c.relname::text as name, to_jsonb(d) as distribution, c.relrowsecurity as "hasPolicies",
      pg_relation_size(c.oid) > 0 as "hasPages", c.relforcerowsecurity as "isForced",
      array(select distinct confrelid::regclass::text from pg_constraint
        where conrelid = c.oid and contype = 'f' and confrelid <> c.oid) as "refersTo"
    from pg_class c left join pg_dist_partition d on d.logicalrelid = c.oid
    where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
    order by 1`);
  return rows.map((row) => ({
    ...row,
    // keys have policies too, which do not bind the owner
    isOfTenant: row.hasPolicies && !REFERENCE.has(row.name),
    isDistributed: isSpread(row.distribution),
  }));
}

/** A local table that Citus only knows because of a foreign key has neither a hash nor the model of reference tables. */
function isSpread(distribution) {
  return distribution !== null && (distribution.partmethod === 'h' || distribution.repmodel === 't');
}

/** Where a table belongs; null: nobody has decided that. */
export function placementOf({ name, isOfTenant }) {
  if (REFERENCE.has(name)) {
    return { kind: 'reference', title: 'to every node' };
  }
  const key = BY_KEY.get(name);
  if (key !== undefined) {
    return { kind: 'hash', column: key, beside: 'none', title: `by ${key}` };
  }
  return isOfTenant
    ? { kind: 'hash', column: 'tenant_id', beside: name === ROOT ? 'none' : ROOT, title: 'by tenant' }
    : null;
}

/** Tables after those that they refer to, and after the one that they lie beside. */
export function inOrder(tables) {
  const ordered = [];
  const isReady = ({ name, refersTo }) =>
    [...refersTo, ...besideOf(name, tables)].every((other) => ordered.some((table) => table.name === other));
  while (ordered.length < tables.length) {
    const next = tables.find((table) => !ordered.includes(table) && isReady(table));
    if (next === undefined) {
      throw new Error('The foreign keys of the tables run in a circle.');
    }
    ordered.push(next);
  }
  return ordered;
}

function besideOf(name, tables) {
  const { beside } = placementOf(tables.find((table) => table.name === name));
  return beside === ROOT ? [ROOT] : [];
}

/** Rows that row level security hides are not copied to the shards, and then deleted where they were. */
async function refuseHiddenRows(admin, tables) {
  const { rows } = await admin.query(
    'select rolsuper or rolbypassrls as sees_all from pg_roles where rolname = current_user',
  );
  const filled = tables.filter(({ isOfTenant, hasPages }) => isOfTenant && hasPages).map(({ name }) => name);
  if (!rows[0].sees_all && filled.length > 0) {
    throw new Error(
      `Row level security hides rows of ${filled.join(', ')} from this role, so they would be lost. ` +
        'Nothing was distributed. Set ADMIN_URL to a superuser.',
    );
  }
}

/** All or nothing: what ends half-way would leave rows on the coordinator that nobody sees. */
async function together(admin, work) {
  await admin.query('begin');
  try {
    // A reference table and those that refer to it can't be changed over several connections at once.
    await admin.query(`set local citus.multi_shard_modify_mode = 'sequential'`);
    await work();
    await admin.query('commit');
  } catch (error) {
    await admin.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function spread(admin, table) {
  const { kind, column, beside } = placementOf(table);
  const before = await countOf(admin, table);
  if (kind === 'reference') {
    await admin.query('select create_reference_table($1::regclass)', [table.name]);
  } else {
    await admin.query('select create_distributed_table($1::regclass, $2, colocate_with => $3)', [
      table.name,
      column,
      beside,
    ]);
  }
  const after = await countOf(admin, table);
  if (before !== after) {
    throw new Error(
      `${table.name} has ${after} rows on the nodes, and had ${before}. Nothing was distributed. ` +
        'Stop the service, and run the command again.',
    );
  }
}

async function countOf(admin, { name }) {
  const { rows } = await admin.query(`select count(*)::text as count from ${name}`);
  return rows[0].count;
}

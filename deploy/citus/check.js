import { createHash } from 'node:crypto';
import pg from 'pg';
import { authinfoOf } from './roles.js';
import { placementOf, tablesOf } from './tables.js';

/**
 * What is missing on a node, one line each; empty if the service can run.
 *
 * @param admin a superuser on the coordinator
 * @param serviceUrl where the replicas connect to
 * @param logins the owner and the service
 */
export async function faultsOf(admin, serviceUrl, [owner, service]) {
  const away = await unreachable(admin);
  if (away.length > 0) {
    return away;
  }
  const tables = await tablesOf(admin);
  return [
    ...(await ofNodes(admin)),
    ...(await ofRoles(admin, owner, service)),
    ...ofTables(tables),
    ...(await ofGrants(admin, service)),
    ...(await ofCopies(admin, tables)),
    ...(await ofReading(serviceUrl)),
  ];
}

async function unreachable(admin) {
  const pings = await onAllNodes(admin, 'select 1');
  return pings.filter(({ success }) => !success).map(({ node, result }) => `${node}: ${result}`);
}

async function ofNodes(admin) {
  const { rows } = await admin.query(
    `select nodename || ':' || nodeport as node from pg_dist_node where not (isactive and metadatasynced)`,
  );
  const settings = await onAllNodes(
    admin,
    `select concat_ws(' ', name, 'is', setting) from pg_settings
      where name = 'wal_level' and setting <> 'logical'
        or name = 'output_plugin_libraries' and setting !~ '\\ycitus\\y' limit 1`,
  );
  return [
    ...rows.map(({ node }) => `${node}: is not active, or does not know the other nodes`),
    ...settings
      .filter(({ result }) => result !== '')
      .map(
        ({ node, result }) => `${node}: ${result}, so shards can't be moved or split while the service runs`,
      ),
  ];
}

/** What each node says of the two roles, of what everybody may do, and of connections to the other nodes. */
async function ofRoles(admin, owner, service) {
  const [own, serve] = [owner.role, service.role].map((role) => pg.escapeLiteral(role));
  const roles = await onAllNodes(
    admin,
    `select string_agg(concat_ws(' ', r.rolname, r.rolcanlogin, r.rolconnlimit, r.rolsuper, r.rolbypassrls,
        -- 3s reaches the others as 3000
        (select string_agg(regexp_replace(c, '=(\\d+)s$', '=\\1000'), ' ') from unnest(s.setconfig) c)), '; ' order by r.rolname)
    from pg_roles r left join pg_db_role_setting s on s.setrole = r.oid and s.setdatabase = 0
    where r.rolname in (${own}, ${serve})`,
  );
  const expected = roles[0].result;
  return [
    ...roles
      .filter(({ result }) => result !== expected)
      .map(({ node, result }) => `${node}: the roles are "${result}" instead of "${expected}"`),
    ...(expected.includes('multi_shard_modify_mode=sequential')
      ? []
      : [`${owner.role}: citus.multi_shard_modify_mode is not sequential, so migrations may fail`]),
    ...(new RegExp(`${service.role}[^;]*lock_timeout=`).test(expected)
      ? []
      : [
          `${service.role}: lock_timeout is not set, so calls wait on a node for what another holds; run the command roles`,
        ]),
    ...(expected.includes('plan_cache_mode')
      ? [`${service.role}: plan_cache_mode is set, so statements can't be planned`]
      : []),
    ...(await ofPasswords(admin, [owner, service])),
    ...(
      await onAllNodes(
        admin,
        `select exists (select from pg_namespace, aclexplode(nspacl) where nspname = 'public' and grantee = 0)
          or has_function_privilege(${serve}, 'lo_create(oid)', 'execute')`,
      )
    )
      .filter(({ result }) => result !== 'f')
      .map(
        ({ node }) => `${node}: everybody may use the schema public or large objects; run the command roles`,
      ),
  ];
}

/** Nodes that would not be let in by the others: they know no password of a role, or another one. */
async function ofPasswords(admin, logins) {
  const known = await onAllNodes(
    admin,
    `select string_agg(rolename || ' ' || md5(authinfo), ',') from pg_dist_authinfo where nodeid = 0`,
  );
  return known.flatMap(({ node, result }) =>
    logins
      .filter((login) => !result.split(',').includes(`${login.role} ${md5(authinfoOf(login))}`))
      .map(({ role }) => `${node}: pg_dist_authinfo lacks the password of ${role}; run the command roles`),
  );
}

function md5(text) {
  return createHash('md5').update(text).digest('hex');
}

function ofTables(tables) {
  return tables.flatMap((table) => {
    const placement = placementOf(table);
    if (placement === null) {
      return [`${table.name}: nobody has decided where this table belongs`];
    }
    return [
      ...(table.isDistributed
        ? []
        : [`${table.name}: is on the coordinator only; run the command distribute`]),
      ...(table.isDistributed && table.hasPages
        ? [`${table.name}: rows from before it was distributed are still on the coordinator`]
        : []),
      ...(table.isOfTenant && !table.isForced
        ? [`${table.name}: row level security does not bind the owner`]
        : []),
    ];
  });
}

async function ofGrants(admin, { role }) {
  const { rows } = await admin.query(
    `select from pg_class where oid = to_regclass('tenant') and not has_column_privilege($1, oid, 'created_at', 'update')`,
    [role],
  );
  return rows.map(() => `tenant: ${role} can't lock its rows; run the command distribute`);
}

/**
 * What of a table has to be the same wherever it is: grants, rules of row level security, indexes, constraints.
 * `%s` is its name there.
 */
const TRAITS = `select md5(concat_ws('|', c.relrowsecurity, c.relforcerowsecurity,
    (select string_agg(a::text, ',' order by a::text) from unnest(c.relacl) a),
    (select string_agg(attname || attacl::text, ',' order by attname) from pg_attribute where attrelid = c.oid),
    (select string_agg(concat_ws(' ', polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), ',' order by polname)
      from pg_policy where polrelid = c.oid),
    (select count(*) from pg_index where indrelid = c.oid and indisvalid),
    (select string_agg(contype::text || convalidated, ',' order by contype, convalidated) from pg_constraint
      where conrelid = c.oid)))
  from pg_class c where c.oid = '%s'::regclass`;

/** Tables, on other nodes and in shards, that differ from what the coordinator has. */
async function ofCopies(admin, tables) {
  const faults = [];
  for (const { name } of tables.filter(({ isDistributed }) => isDistributed)) {
    const here = (await admin.query(TRAITS.replace('%s', name))).rows[0].md5;
    const differing = [
      ...(await onAllNodes(admin, TRAITS.replace('%s', name))),
      ...(await onShards(admin, name)),
    ].filter(({ result }) => result !== here);
    faults.push(
      ...differing.map(
        ({ node, shard = '' }) =>
          `${node}: ${name}${shard} has other grants, rules, indexes or constraints than on the coordinator`,
      ),
    );
  }
  return faults;
}

async function onAllNodes(admin, statement) {
  const { rows } = await admin.query(
    `select nodename || ':' || nodeport as node, success, result from run_command_on_all_nodes($1)
      join pg_dist_node using (nodeid) order by groupid`,
    [statement],
  );
  return rows;
}

async function onShards(admin, table) {
  const { rows } = await admin.query(
    `select nodename || ':' || nodeport as node, ' (shard ' || shardid || ')' as shard, result
      from run_command_on_placements($1::regclass, $2)`,
    [table, TRAITS],
  );
  return rows;
}

/**
 * Whether the service sees through to the shards: which tenant a transaction is for has to reach the node of the tenant. Otherwise
 * row level security shows no rows, and nothing fails.
 */
async function ofReading(serviceUrl) {
  const client = new pg.Client({ connectionString: serviceUrl, application_name: 'identity-cluster' });
  try {
    await client.connect();
    await client.query('begin');
    await client.query(`set local citus.propagate_set_commands = 'local'`);
    await client.query('set local identity.tenant_id = 1');
    await client.query(
      `insert into contact (tenant_id, id, email, linked_id, link_precedence, created_at, updated_at)
        values (1, 0, 'probe', null, 'primary', now(), now())`,
    );
    const { rows } = await client.query('select from contact where tenant_id = 1 and id = 0');
    await client.query('rollback');
    return rows.length === 1
      ? []
      : ['SERVICE_URL: a row that was just written is not seen under row level security'];
  } catch (error) {
    return [`SERVICE_URL: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    await client.end();
  }
}

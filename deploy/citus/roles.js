import { readFile } from 'node:fs/promises';
import pg from 'pg';

const ROLES = new URL('../postgresql/roles.sql', import.meta.url);

/** These reach the other nodes by themselves; what is said of schemas and functions does not. */
const REACHES_ALL = /^(create|alter) role |\bon database /;

/**
 * Creates the roles of deploy/postgresql/roles.sql on every node, or gives them their passwords anew, and makes each node known
 * to the others as these roles.
 *
 * @param admin a superuser on the coordinator
 * @param owner, service name and password
 */
export async function prepareRoles(admin, owner, service) {
  // A server that logs changes of its schema would log the passwords.
  await admin.query(
    `set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic'`,
  );
  for (const statement of await statements(admin, owner, service)) {
    await (REACHES_ALL.test(statement) ? admin.query(statement) : onAllNodes(admin, statement));
  }
  // No plan for all tenants: the shard, and so the node, depends on the tenant.
  await admin.query(`alter role ${service.role} reset plan_cache_mode`);
  // A node that hangs takes no connection. The default is 30 s, and a statement ends after 3 s.
  await admin.query(`alter role ${service.role} set citus.node_connection_timeout = '1s'`);
  // Tables that refer to reference tables can't be changed over several connections at once.
  await admin.query(`alter role ${owner.role} set citus.multi_shard_modify_mode = 'sequential'`);
  await onAllNodes(
    admin,
    `insert into pg_dist_authinfo (nodeid, rolename, authinfo)
      values (0, ${pg.escapeLiteral(owner.role)}, ${pg.escapeLiteral(authinfoOf(owner))}),
        (0, ${pg.escapeLiteral(service.role)}, ${pg.escapeLiteral(authinfoOf(service))})
      on conflict (rolename, nodeid) do update set authinfo = excluded.authinfo`,
  );
  return [`The roles ${owner.role} and ${service.role} are on every node.`];
}

/** The statements of roles.sql about these roles, as far as they are still to be run. */
async function statements(admin, owner, service) {
  const { rows } = await admin.query(
    `select current_database() as database,
      array(select rolname::text from pg_roles where rolname = any($1)) as existing`,
    [[owner.role, service.role]],
  );
  const [{ database, existing }] = rows;
  const script = (await readFile(ROLES, 'utf8'))
    .replaceAll(/--.*$/gm, '')
    .replaceAll('identity_owner', owner.role)
    .replaceAll('identity_service', service.role);
  return (
    script
      .split(';')
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '' && !statement.includes('plan_cache_mode'))
      .map((statement) => {
        const created = /^create role (\w+) /.exec(statement)?.[1];
        return existing.includes(created) ? statement.replace('create', 'alter') : statement;
      })
      // last, because names and passwords may contain anything
      .map((statement) => statement.replace(':"database"', () => pg.escapeIdentifier(database)))
      .map((statement) => statement.replace(':owner_password', () => pg.escapeLiteral(owner.password)))
      .map((statement) => statement.replace(':service_password', () => pg.escapeLiteral(service.password)))
  );
}

/** How a node connects to the others as a role: what its `pg_dist_authinfo` says. */
export function authinfoOf({ password }) {
  return `password='${password.replaceAll(/[\\']/g, '\\$&')}'`;
}

/** On each node for itself: workers refuse what they would have to pass on. */
async function onAllNodes(admin, statement) {
  const { rows } = await admin.query(
    `select nodename || ':' || nodeport as node, result from run_command_on_all_nodes($1) join pg_dist_node using (nodeid)
      where not success`,
    [`do ${pg.escapeLiteral(`begin set local citus.enable_ddl_propagation = off; ${statement}; end`)}`],
  );
  if (rows.length > 0) {
    throw new Error(rows.map(({ node, result }) => `${node}: ${result}`).join('\n'));
  }
}

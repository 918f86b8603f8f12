// `node deploy/citus/cluster.js COMMAND`: prepares a Citus cluster for the service, checks it, and moves tenants between its nodes.
// Every command may be repeated. See docs/scale-out.md.
import pg from 'pg';
import { faultsOf } from './check.js';
import { forceAgain } from './owner-rules.js';
import { prepareRoles } from './roles.js';
import { isolateTenant, moveTenant, rebalance, refuseWhileRebalancing } from './shards.js';
import { distribute } from './tables.js';

const HELP = `Prepares a Citus cluster for the service. Every command may be repeated.

  node deploy/citus/cluster.js roles                        creates the roles of OWNER_URL and SERVICE_URL on every node
  node deploy/citus/cluster.js distribute                   spreads the tables over the nodes, after each migration
  node deploy/citus/cluster.js check                        lists what is missing on a node; exits with 1 if anything is
  node deploy/citus/cluster.js move TENANT HOST:PORT        moves the shard of a tenant to a node, while the service runs
  node deploy/citus/cluster.js isolate TENANT [HOST:PORT]   gives a tenant a shard of its own, and moves that if a node is named
  node deploy/citus/cluster.js rebalance                    spreads the shards evenly, such as after a node was added

ADMIN_URL     a superuser, on the coordinator, in the database of the service
OWNER_URL     the owner of the tables, with its password: for roles and check
SERVICE_URL   the role of the replicas, with its password: for roles, distribute and check
`;

const COMMANDS = {
  roles: (admin) => prepareRoles(admin, loginOf('OWNER_URL'), loginOf('SERVICE_URL')),
  distribute: async (admin) => {
    const lines = await distribute(admin, loginOf('SERVICE_URL').role);
    const loose = await forceAgain(admin);
    return [...lines, ...loose.map((name) => `${name}: row level security binds the owner again`)];
  },
  check: async (admin) => {
    const faults = await faultsOf(admin, urlOf('SERVICE_URL'), [
      loginOf('OWNER_URL'),
      loginOf('SERVICE_URL'),
    ]);
    process.exitCode = faults.length === 0 ? 0 : 1;
    return faults.length === 0 ? ['The cluster is as the service needs it.'] : faults;
  },
  move: (admin, tenant, node) => moveTenant(admin, tenantOf(tenant), nodeOf(node)),
  isolate: (admin, tenant, node) =>
    isolateTenant(admin, tenantOf(tenant), node === undefined ? null : nodeOf(node)),
  rebalance,
};

/** The numbers are any that nobody else locks in this database. */
const OWN_LOCK = [19_551_105, 1];

/** A mistake of whoever runs the command. */
class UsageError extends Error {}

const [name = '--help', ...words] = process.argv.slice(2);
if (name === '--help') {
  process.stdout.write(HELP);
} else {
  await run();
}

async function run() {
  let admin = null;
  try {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : null;
    if (command === null) {
      throw new UsageError(`There is no command ${name}.\n\n${HELP}`);
    }
    admin = new pg.Client({ connectionString: urlOf('ADMIN_URL'), application_name: 'identity-cluster' });
    // what waits for an answer fails with the same error
    admin.on('error', () => undefined);
    await admin.connect();
    await refuseOthers(admin);
    if (name !== 'check') {
      await refuseBesideAnother(admin);
    }
    if (!['check', 'roles', 'rebalance'].includes(name)) {
      await refuseWhileRebalancing(admin);
    }
    const lines = await command(admin, ...words);
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  } finally {
    await admin?.end();
  }
}

/** The coordinator knows all nodes, and what is said to it reaches them. */
async function refuseOthers(admin) {
  const { rows } = await admin.query(`select from pg_extension where extname = 'citus'`);
  if (rows.length === 0) {
    throw new UsageError(
      'ADMIN_URL: this database has no Citus; run `create extension citus` on every node first',
    );
  }
  const { rows: nodes } = await admin.query(
    `select (select groupid from pg_dist_local_group) = 0 as is_coordinator,
      exists (select from pg_dist_node where groupid = 0) as is_known,
      (select count(*)::int from pg_dist_node where shouldhaveshards) as holders`,
  );
  const [{ is_coordinator: isCoordinator, is_known: isKnown, holders }] = nodes;
  if (!isCoordinator) {
    throw new UsageError('ADMIN_URL: this node is a worker; name the coordinator');
  }
  if (!isKnown) {
    throw new UsageError(
      'The workers do not know the coordinator: `select citus_set_coordinator_host(…)` first',
    );
  }
  if (holders === 0) {
    throw new UsageError('No node may hold shards: `select citus_add_node(…)` first');
  }
}

/**
 * Two at a time would undo what the other one needs. The node goes on with what a command asked of it after that was killed; the
 * lock is held as long.
 */
async function refuseBesideAnother(admin) {
  const { rows } = await admin.query('select pg_try_advisory_lock($1, $2) as "isAlone"', OWN_LOCK);
  if (!rows[0].isAlone) {
    throw new Error(
      'Another command of this script is under way, or what it began before it was killed. Wait for its end: ' +
        `select pid, state, query from pg_stat_activity where application_name = 'identity-cluster'`,
    );
  }
}

function urlOf(variable) {
  const url = process.env[variable];
  if (!URL.canParse(url ?? '')) {
    throw new UsageError(`${variable}: set it to a URL such as postgres://user:password@host:5432/identity`);
  }
  return url;
}

/** Name and password of the role that a URL connects as. */
function loginOf(variable) {
  const { username, password } = new URL(urlOf(variable));
  if (!/^[a-z_][a-z0-9_]*$/.test(username) || password === '') {
    throw new UsageError(
      `${variable}: it must have a user of small letters, digits and underscores, and a password`,
    );
  }
  return { role: username, password: decodeURIComponent(password) };
}

function tenantOf(word) {
  if (!/^[1-9]\d{0,8}$/.test(word ?? '')) {
    throw new UsageError('Name a tenant by its number, as `npm run cli -- tenants list` shows it.');
  }
  return Number(word);
}

function nodeOf(word) {
  const [, host, port] = /^(\S+):(\d+)$/.exec(word ?? '') ?? [];
  if (host === undefined) {
    throw new UsageError(
      'Name a node as HOST:PORT, as `select nodename, nodeport from pg_dist_node` shows it.',
    );
  }
  return { host, port: Number(port) };
}

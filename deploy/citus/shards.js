import { withoutForce } from './owner-rules.js';

/** Moves the shard of a tenant, and of all tenants that share it, to a node. The service goes on; writes wait for a moment. */
export async function moveTenant(admin, tenantId, to) {
  const shard = await shardOf(admin, tenantId);
  if (shard.host === to.host && shard.port === to.port) {
    return [`Tenant ${tenantId} is on ${to.host}:${to.port} already.`];
  }
  await refuseUnknownNode(admin, to);
  await withoutForce(admin, () =>
    admin.query(`select citus_move_shard_placement($1, $2, $3, $4, $5, 'force_logical')`, [
      shard.id,
      shard.host,
      shard.port,
      to.host,
      to.port,
    ]),
  );
  return [`Moved tenant ${tenantId} from ${shard.host}:${shard.port} to ${to.host}:${to.port}.`];
}

/** Gives a tenant a shard of its own, so that it can be moved alone; moves it if a node is named. */
export async function isolateTenant(admin, tenantId, to) {
  const { isOwn } = await shardOf(admin, tenantId);
  if (to !== null) {
    await refuseUnknownNode(admin, to);
  }
  const lines = [
    isOwn
      ? `Tenant ${tenantId} has a shard of its own already.`
      : `Tenant ${tenantId} has a shard of its own now.`,
  ];
  if (!isOwn) {
    await withoutForce(admin, () =>
      admin.query(
        `select isolate_tenant_to_new_shard('contact', $1::int, 'CASCADE', shard_transfer_mode => 'force_logical')`,
        [tenantId],
      ),
    );
  }
  return to === null ? lines : [...lines, ...(await moveTenant(admin, tenantId, to))];
}

/** Spreads the shards evenly over the nodes that may hold some; goes on with what another run began. */
export async function rebalance(admin) {
  const { rows } = await admin.query('select count(*)::int as moves from get_rebalance_table_shards_plan()');
  const begun = await jobOf(admin);
  const isUnderWay = begun !== undefined && !ENDED.has(begun.state);
  if (rows[0].moves === 0 && !isUnderWay) {
    return ['The shards are spread evenly already.'];
  }
  await withoutForce(admin, async () => {
    if (!isUnderWay) {
      await admin.query(`select citus_rebalance_start(shard_transfer_mode => 'force_logical')`);
    }
    await admin.query('select citus_rebalance_wait()');
  });
  const { state } = await jobOf(admin);
  if (state !== 'finished') {
    throw new Error(`The rebalancing ended as ${state}: select * from citus_rebalance_status(true)`);
  }
  return [`Moved shards: ${rows[0].moves}`];
}

/** The nodes go on with a rebalancing by themselves, whatever becomes of who began it. */
export async function refuseWhileRebalancing(admin) {
  const job = await jobOf(admin);
  if (job !== undefined && !ENDED.has(job.state)) {
    throw new Error('A rebalancing is under way: run the command rebalance, which waits for its end.');
  }
}

const ENDED = new Set(['finished', 'cancelled', 'failed']);

async function jobOf(admin) {
  const { rows } = await admin.query(
    'select state::text from pg_dist_background_job order by job_id desc limit 1',
  );
  return rows[0];
}

/** The shard of `contact` that a tenant is in; those of its other tables move with it. */
async function shardOf(admin, tenantId) {
  const { rows } = await admin.query(
    `select s.shardid::text as id, s.shardminvalue = s.shardmaxvalue as "isOwn", n.nodename as host, n.nodeport as port
      from pg_dist_shard s join pg_dist_placement p using (shardid) join pg_dist_node n using (groupid)
      where s.shardid = get_shard_id_for_distribution_column('contact', $1::int) and n.noderole = 'primary'`,
    [tenantId],
  );
  const { rows: tenants } = await admin.query('select from tenant where id = $1', [tenantId]);
  if (tenants.length === 0) {
    throw new Error(`There is no tenant ${tenantId}.`);
  }
  return rows[0];
}

async function refuseUnknownNode(admin, { host, port }) {
  const { rows } = await admin.query(
    'select from pg_dist_node where nodename = $1 and nodeport = $2 and shouldhaveshards and isactive',
    [host, port],
  );
  if (rows.length === 0) {
    throw new Error(`${host}:${port} is no node that may hold shards: select * from pg_dist_node`);
  }
}

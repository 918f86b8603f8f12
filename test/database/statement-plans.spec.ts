import { MikroORM } from '@mikro-orm/core';
import type pg from 'pg';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { openSession } from '../../src/database/session/open-session.js';
import type { Statement } from '../../src/database/session/sql-session.js';
import { STANDARD_KINDS } from '../../src/identity/domain/kinds.js';
import { DryRun } from '../../src/transfer/import/dry-run.js';
import { onConnection } from '../support/on-connection.js';
import { createGuardedDatabase, type GuardedDatabase } from '../support/roles.js';
import { declaredStatements } from '../support/statements.js';

// A plan is made once a connection and kept while the tables grow. So no plan may read more than it looks for, whatever
// the tables held when it was made: nothing, never analysed or analysed, or a few rows.

/** Reads what lies behind the first columns of a key, whatever the last one is: `statement: columns that must be there`. */
const READS_BEHIND: Readonly<Record<string, string>> = {
  do_not_link_of: 'value = v.value',
  do_not_link_rename: 'value = ANY',
  do_not_link_of_after: 'value = v.value',
  do_not_link_of_erased: 'value = v.value',
  identifier_free_unruled: 'value =',
  review_of_erased: 'value = v.value',
  erasure_past_with: 'ROW(contact_id, until) >',
  erasure_past_after: 'ROW(contact_id, until) >',
  import_last_stored: 'tenant_id =',
  api_key_after: 'ROW(created_at, id) >',
  api_key_count: 'ROW(created_at, id) >',
};
/** A whole table is what it is for, or all that a tenant has in it. */
const READS_ALL = new Set([
  'rate_limit_sweep',
  'console_session_sweep',
  'backfill_tenants',
  'tenant_ids',
  'identifier_kind_load',
  'blocked_value_load',
  'dry_run_copy_rules',
]);

/**
 * Until PostgreSQL 17 the planner also weighs an index condition without its array, and takes it if a tenant has a row or two
 * on average. It plans again as soon as autovacuum has analysed more.
 */
const WEIGHED_BEFORE_17 = new Set([
  'contact_relink',
  'contact_past_insert',
  'backfill_contacts',
  'backfill_merges',
]);

const DELETIONS = [
  'event_outbox',
  'event_head',
  'event_log',
  'webhook_delivery',
  'webhook',
  'tenant_policy',
  'identifier_kind',
  'review',
  'blocked_value',
  'do_not_link',
  'contact_past',
  'identity_merge',
  'identifier',
  'change',
  'contact',
].map((table) => `delete from ${table}`);

/** What the tables may hold when a plan is made, one after the other. */
const STATES: readonly (readonly [state: string, ...statements: string[]])[] = [
  ['never analysed'],
  ['analysed while empty', 'analyze'],
  ['analysed after one identity was deleted', ...identities(1, 1, '1'), ...DELETIONS, 'analyze'],
  ['analysed with one identity', ...identities(1, 1, '1'), 'analyze'],
  ['analysed with an identity in each of 60 tenants', ...identities(2, 60, 'i'), 'analyze'],
  ['analysed with a tenant of 60 identities', ...identities(61, 120, '1'), 'analyze'],
  ['vacuumed', 'vacuum'],
];

function identities(from: number, to: number, tenant: string): string[] {
  const each = `from generate_series(${from}, ${to}) i`;
  return [
    `insert into contact (tenant_id, id, email, linked_id, link_precedence, created_at, updated_at)
      select ${tenant}, i, 'e' || i, null, 'primary', now(), now() ${each}`,
    `insert into contact (tenant_id, id, phone_number, linked_id, link_precedence, created_at, updated_at)
      select ${tenant}, 1000 + i, i, i, 'secondary', now(), now() ${each}`,
    `insert into identifier (tenant_id, kind, value, contact_id) select ${tenant}, 0, 'e' || i, i ${each}`,
    `insert into identifier (tenant_id, kind, value, contact_id) select ${tenant}, 1, i, 1000 + i ${each}`,
    `insert into change (tenant_id, id, kind, at, actor, is_changed, contact_ids)
      select ${tenant}, i, 'undo', now(), 'cli', true, array[i] ${each}`,
    `insert into do_not_link (tenant_id, kind, value, other_kind, other_value, rule_id, change_id, is_reverse, created_at)
      select ${tenant}, side, case side when 0 then 'e' || i else i::text end, 1 - side,
        case side when 0 then i::text else 'e' || i end, i, i, case side when 1 then true end, now()
      ${each} cross join generate_series(0, 1) side`,
    `insert into identity_merge (tenant_id, id, survivor_id, merged_id, left_contact_id, right_contact_id, cause, change_id,
        undone_by, created_at)
      select ${tenant}, i, i, 1000 + i, i, 1000 + i, 'sighting', i, i, now() ${each}`,
    `insert into review (tenant_id, id, kind, value, other_kind, other_value, reason, created_at)
      select ${tenant}, i, 0, 'e' || i, 1, i::text, 'limit', now() ${each}`,
    `insert into tenant_policy (tenant_id, version, generation, max_contacts, updated_at)
      select ${tenant}, 1, 1, 1000, now() ${each} where i <= 60`,
    `insert into identifier_kind (tenant_id, number, name, normaliser, max_length, priority, one_per_identity, is_retired)
      select ${tenant}, 1 + i, 'k' || i, 'trim', 254, 100, false, false ${each}`,
    `insert into blocked_value (tenant_id, id, kind, pattern, created_at) select ${tenant}, i, 0, 'e' || i, now() ${each}`,
    `insert into event_outbox (tenant_id, id, at, events) select ${tenant}, i, now(), '[]' ${each}`,
    `insert into event_log (tenant_id, position, outbox_id, at, type, data)
      select ${tenant}, i, i, now(), 'identity.created', '{}' ${each}`,
    `insert into event_head (tenant_id, position, trimmed, epochs, epoch_starts, origin, is_paused)
      select ${tenant}, i, 0, '{e}', '{0}', '', false ${each} where i <= 60`,
    `insert into webhook (tenant_id, id, url, secret, created_at) select ${tenant}, i, 'https://w' || i, '', now() ${each}`,
    `insert into webhook_delivery (tenant_id, webhook_id, event_position, state, attempts, due_at, created_at)
      select ${tenant}, i, i, case i % 3 when 0 then 'pending' else 'delivered' end, 1,
        case i % 3 when 0 then now() end, now() ${each}`,
    `insert into contact_past (tenant_id, contact_id, until, linked_id, created_at, phone_number, change_id, joined_id)
      select ${tenant}, 1000 + i, now(), i, now(), i, i, i ${each}`,
  ];
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Filter?: string;
  readonly Plans?: readonly PlanNode[];
}

let guarded: GuardedDatabase;
let statements: Statement[];

beforeAll(async () => {
  guarded = await createGuardedDatabase();
  statements = await declaredStatements();
});

afterAll(() => guarded.drop());

test.each(STATES)('plans made while the tables are %s read by whole keys', async (_state, ...changes) => {
  for (const change of changes) {
    await guarded.database.query(change);
  }
  expect({
    // with the condition of the tenant's policy, and without
    service: await scansAs(guarded.serviceUrl, 'api-key'),
    superuser: await scansAs(guarded.database.url, 'none'),
    dryRun: await scansInDryRun(guarded.ownerUrl),
  }).toEqual({ service: [], superuser: [], dryRun: [] });
});

/** What a connection of the service plans to read without a whole key. Its role may not run backfills. */
async function scansAs(databaseUrl: string, authMode: string): Promise<string[]> {
  const settings = new Settings({ DATABASE_URL: databaseUrl, AUTH_MODE: authMode });
  const { driverOptions } = ormOptions(settings, 'serve') as { driverOptions: pg.ClientConfig };
  return onConnection(driverOptions.connectionString!, async (client) => {
    const ofService = statements.filter(({ name }) => authMode === 'none' || !name.startsWith('backfill_'));
    return scans(async (text) => (await client.query<Record<string, unknown>>(text)).rows, ofService);
  });
}

/** What a dry run plans to read of its temporary tables, and of those that it copies from, without a whole key. */
async function scansInDryRun(databaseUrl: string): Promise<string[]> {
  const orm = await MikroORM.init({
    ...ormOptions(new Settings({ DATABASE_URL: databaseUrl }), 'migrate'),
    pool: { min: 0, max: 1 },
    logger: () => undefined,
  });
  try {
    const session = openSession(orm.em);
    const dryRun = await DryRun.start(session, STANDARD_KINDS);
    await dryRun.hideChanges(1);
    return await scans(async (text) => session.query([{ name: '', text }], null), statements, true);
  } finally {
    await orm.close();
  }
}

async function scans(
  query: (text: string) => Promise<unknown[]>,
  candidates: readonly Statement[],
  isDryRun = false,
): Promise<string[]> {
  const keys = new Map(
    ((await query(LAST_COLUMNS)) as { index: string; column: string }[]).map(({ index, column }) => [
      index,
      unquoted(column),
    ]),
  );
  const [server] = (await query('show server_version_num')) as { server_version_num: string }[];
  const isWeighed = Number(server!.server_version_num) < 170_000;
  const found: string[] = [];
  const planned = candidates.filter(
    (statement) =>
      !/^(?:set|analyze) /.test(statement.text) && (isDryRun || !statement.text.includes('pg_temp')),
  );
  for (const { name, text } of planned) {
    const parameters = new Set(text.match(/\$\d+/g)).size;
    await query(`prepare inspected as ${text}`);
    const values = parameters === 0 ? '' : `(${Array(parameters).fill('null').join(', ')})`;
    const [row] = (await query(`explain (format json) execute inspected${values}`)) as {
      'QUERY PLAN': { Plan: PlanNode }[];
    }[];
    await query('deallocate inspected');
    if (!READS_ALL.has(name) && !(isWeighed && WEIGHED_BEFORE_17.has(name))) {
      const prefix = READS_BEHIND[name];
      const scansFound = scansOf(row!['QUERY PLAN'][0]!.Plan, keys).filter(
        (scan) => prefix === undefined || !scan.includes(prefix),
      );
      found.push(...scansFound.map((scan) => `${name}: ${scan}`));
    }
  }
  return found;
}

/** The column of each index that its others lead up to; those of system tables, which stay small, are not among them. */
const LAST_COLUMNS = `select indexrelid::regclass::text as index, pg_get_indexdef(indexrelid, indnkeyatts, true) as column
  from pg_index where indrelid >= 16384`;

/** Names that are words of SQL too are quoted. */
function unquoted(sql: string): string {
  return sql.replaceAll('"', '');
}

function scansOf(node: PlanNode, keys: ReadonlyMap<string, string>): string[] {
  const index = node['Index Name'];
  const condition = unquoted(node['Index Cond'] ?? '');
  const key = index && keys.get(index);
  const isWhole = key === undefined || new RegExp(`\\b${key} =`).test(condition);
  // A range that is read again for each row of something else, and of which only what that row asks for is taken.
  const isFiltered = !isWhole && /\b(\w+) = [uv]\.\1\b/.test(node.Filter ?? '');
  const isScan =
    node['Node Type'] === 'Seq Scan' ||
    isFiltered ||
    (key !== undefined && !new RegExp(`\\b${key} [=>]`).test(condition));
  return [
    ...(isScan ? [`${node['Node Type']} of ${index ?? node['Relation Name']} ${condition}`.trim()] : []),
    ...(node.Plans ?? []).flatMap((plan) => scansOf(plan, keys)),
  ];
}

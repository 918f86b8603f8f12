import pg from 'pg';
import type { Settings } from '../config/settings.js';
import { TENANT_SETTING, type SqlSession, type Statement } from './session/sql-session.js';

/** Longer than a busy cluster takes to let somebody in: who does not know the engine can't start, or is not ready. */
const CONNECT_MS = 5_000;
/** Any will do: what a node was told is asked, not what the tenant has. */
const ASKED_TENANT_ID = 1;

/** The engine does not fit the settings. The message says what to do. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

export const HAS_CITUS: Statement = {
  name: 'engine_has_citus',
  text: `select exists (select from pg_extension where extname = 'citus') as is_citus`,
};

/** The coordinator is the node of group 0. Not declared like other statements, because only Citus has the table. */
const GROUP: Statement = { text: 'select groupid from pg_dist_local_group', name: 'engine_group' };

/** → the tenant that the node with the rows of $1 was told. */
export const TOLD_TENANT: Statement = {
  name: 'engine_told_tenant',
  text: `select current_setting('${TENANT_SETTING}', true) as tenant, count(*) from identifier
    where tenant_id = $1 and kind = 0 and value = ''`,
};

/**
 * The settings with the engine that the database has, if `DATABASE_ENGINE` leaves it open.
 *
 * It must be known before connections are opened, since it decides what they are opened with. If the database is away, it
 * is taken for PostgreSQL, and {@link engineTrouble} tells later if that was wrong.
 */
export async function withEngine(settings: Settings): Promise<Settings> {
  if (settings.databaseUrl === null || settings.databaseEngine !== 'auto') {
    return settings;
  }
  const client = new pg.Client({
    connectionString: settings.databaseUrl,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
  });
  // An error without a listener would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ is_citus: boolean }>(HAS_CITUS.text);
    return { ...settings, databaseEngine: rows[0]!.is_citus ? 'citus' : 'postgresql' };
  } catch {
    return settings;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Why the service can't work with this engine, and what to do; null if it can. The schema must be up to date.
 *
 * Ids are drawn by the node that is asked. A worker draws from a range of its own, so the events of one identity would be
 * numbered in another order than they happened, and lists that go on after an id would miss newcomers. So only the
 * coordinator may be asked.
 *
 * Row level security is checked by the node that has the rows. If it is not told the tenant, it shows no row, in silence. So a row
 * is read there that says what it was told.
 */
export async function engineTrouble(
  session: SqlSession,
  { databaseEngine }: Settings,
): Promise<string | null> {
  const [found] = await session.query([HAS_CITUS], null);
  const isCitus = found!.is_citus as boolean;
  if (!isCitus) {
    return databaseEngine === 'citus'
      ? 'DATABASE_ENGINE is citus, but the database is not a Citus cluster'
      : null;
  }
  if (databaseEngine !== 'citus') {
    return 'the database is a Citus cluster: set DATABASE_ENGINE=citus';
  }
  const [node] = await session.query([GROUP], null);
  if (Number(node!.groupid) !== 0) {
    return 'DATABASE_URL leads to a worker of the Citus cluster: it must lead to the coordinator';
  }
  const [row] = await session.query([TOLD_TENANT, ASKED_TENANT_ID], ASKED_TENANT_ID);
  return row?.tenant === String(ASKED_TENANT_ID)
    ? null
    : 'the workers of the Citus cluster are not told the tenant, so they show no row: let the role set citus.propagate_set_commands';
}

/** @throws {EngineError} if the service can't work with this engine */
export async function requireEngine(session: SqlSession, settings: Settings): Promise<void> {
  const trouble = await engineTrouble(session, settings);
  if (trouble !== null) {
    throw new EngineError(`Not ready: ${trouble}.`);
  }
}

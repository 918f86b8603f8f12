import type { PolicyDef } from '@mikro-orm/core';

/** One SQL statement. PostgreSQL prepares it under its name, so a name must always mean the same text. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** A statement with its values, `$1` first. */
export type Query = readonly [statement: Statement, ...values: unknown[]];

/** A result row by column name. 64-bit numbers may arrive as strings. */
export type Row = Record<string, unknown>;

/**
 * Statements with real bind parameters, sent in as few round trips as the driver allows.
 *
 * It exists next to the ORM's query methods because those write values into the SQL text, so nothing stays prepared.
 * Connections come from the ORM's pool.
 */
export interface SqlSession {
  /**
   * Runs one statement.
   *
   * @param tenantId the tenant whose rows it may see; null: it needs only tables that belong to no tenant
   */
  query(query: Query, tenantId: number | null): Promise<Row[]>;
  /**
   * Runs `work` in a transaction. If `work` called `commit`, it is committed, otherwise rolled back. What `commit` wrote is
   * durable when the promise of `transaction` resolves, not before.
   *
   * @param tenantId as in `query`
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, tenantId: number | null): Promise<T>;
}

/** How sessions use the connections of the pool; part of the ORM's driver options. */
export interface SessionOptions {
  /** The tenant that the connections name; null: each transaction names its own. */
  readonly fixedTenantId: number | null;
  /** Whether the tables are spread over the nodes of a Citus cluster. */
  readonly isCitus: boolean;
  /** Whether statements stay prepared under their names. Some poolers do not support that. */
  readonly keepsPrepared: boolean;
}

export interface Transaction {
  /** Runs statements in order, in one round trip. The results have the same order. */
  send(...queries: Query[]): Promise<Row[][]>;
  /** Like `send`, with the commit in the same round trip. Nothing may follow. */
  commit(...queries: Query[]): Promise<Row[][]>;
}

/** The session setting that names the tenant whose rows a transaction sees. */
export const TENANT_SETTING = 'identity.tenant_id';

/** In SQL: the tenant that {@link TENANT_SETTING} names. After the transaction that made it, the setting is empty and not absent. */
export const NAMED_TENANT = `nullif(current_setting('${TENANT_SETTING}', true), '')::int`;

/** Row level security of a table with tenants: without {@link TENANT_SETTING} no row can be read or written. */
export function tenantPolicy(table: string): { rowLevelSecurity: 'force'; policies: PolicyDef[] } {
  const ownRows = `tenant_id = ${NAMED_TENANT}`;
  return {
    rowLevelSecurity: 'force',
    policies: [{ name: `${table}_of_tenant`, using: ownRows, check: ownRows }],
  };
}

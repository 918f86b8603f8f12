/** One SQL statement. PostgreSQL keeps it prepared under its name, so a name must always mean the same text. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** A statement with its values, `$1` first. */
export type Query = readonly [statement: Statement, ...values: unknown[]];

/** A result row by column name. Numbers of 64 bits may arrive as strings. */
export type Row = Record<string, unknown>;

/**
 * Statements with real binds, sent in as few round trips as the driver allows.
 *
 * It stands beside the ORM's own query methods because those write the values into the SQL text: no binds, and nothing
 * stays prepared. Connections come from the ORM's pool.
 */
export interface SqlSession {
  /**
   * Runs one statement on its own.
   *
   * @param tenantId whose rows it may see; null: it needs none but tables that belong to no tenant
   */
  query(query: Query, tenantId: number | null): Promise<Row[]>;
  /**
   * Runs `work` in a transaction. It is committed if `work` called `commit`, and rolled back otherwise; whatever
   * `commit` wrote holds once the promise of `transaction` resolves, not before.
   *
   * @param tenantId as in `query`
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, tenantId: number | null): Promise<T>;
}

/** How sessions use the connections of the pool; part of the ORM's driver options. */
export interface SessionOptions {
  /** The tenant that the connections themselves name; null: each transaction names its own. */
  readonly fixedTenantId: number | null;
  /** Whether statements stay prepared under their names, which some poolers can't pass on. */
  readonly keepsPrepared: boolean;
}

export interface Transaction {
  /** Runs statements in order, one round trip for all; the results in the same order. */
  send(...queries: Query[]): Promise<Row[][]>;
  /** As `send`, with the commit in the same round trip. Nothing may follow. */
  commit(...queries: Query[]): Promise<Row[][]>;
}

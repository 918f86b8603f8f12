import type { Socket } from 'node:net';
import {
  types,
  type CustomTypesConfig,
  type Pool,
  type PoolClient,
  type QueryConfig,
  type QueryResult,
} from 'pg';
import { arrayLiteral } from './array-literal.js';
import {
  type Query,
  type Row,
  type SessionOptions,
  type SqlSession,
  type Transaction,
  TENANT_SETTING,
} from './sql-session.js';

/**
 * On PostgreSQL: prepared statements, and several statements per round trip.
 *
 * Each transaction names its tenant, and the name ends with it, because a pooler may give the connection to anybody
 * afterwards. If there is only one tenant, the connections name it from the start, and a single statement needs no
 * transaction.
 */
export class PgSession implements SqlSession {
  constructor(
    private readonly pool: Pool,
    private readonly options: SessionOptions,
  ) {}

  async query(query: Query, tenantId: number | null): Promise<Row[]> {
    if (this.isNamed(tenantId)) {
      return (await this.pool.query(this.prepared(query))).rows as Row[];
    }
    return this.transaction(async (transaction) => (await transaction.commit(query))[0]!, tenantId);
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>, tenantId: number | null): Promise<T> {
    const client = await this.pool.connect();
    const transaction = new PgTransaction(client, this.beginning(tenantId), (query) => this.prepared(query));
    try {
      return await work(transaction);
    } finally {
      // A connection that can't roll back is closed, so that its slot in the pool is free again at once.
      const isUsable = await transaction.end();
      client.release(!isUsable);
    }
  }

  /** Citus passes a setting on to its workers only if it is a statement of its own, and only if it is asked to. */
  private beginning(tenantId: number | null): string[] {
    if (this.isNamed(tenantId)) {
      return ['begin'];
    }
    const naming = `set local ${TENANT_SETTING} = ${Number(tenantId)}`;
    return this.options.isCitus
      ? ['begin', `set local citus.propagate_set_commands = 'local'`, naming]
      : [`begin; ${naming}`];
  }

  /** Whether the connection names the tenant already, or no tenant is needed. */
  private isNamed(tenantId: number | null): boolean {
    const { fixedTenantId } = this.options;
    if (tenantId !== null && fixedTenantId !== null && tenantId !== fixedTenantId) {
      throw new Error(`the connections belong to tenant ${fixedTenantId}`);
    }
    return tenantId === null || fixedTenantId !== null;
  }

  private prepared([{ name, text }, ...values]: Query): QueryConfig {
    const written = values.map((value) => (Array.isArray(value) ? (arrayLiteral(value) ?? value) : value));
    const query = { text, values: written, types: TYPES };
    return this.options.keepsPrepared ? { ...query, name } : query;
  }
}

const BIGINT: number = types.builtins.INT8;

/** A `bigint` becomes a number. The driver makes a string of it, which takes more time, and more memory for many rows. */
const TYPES: CustomTypesConfig = {
  getTypeParser: (type: number) => (type === BIGINT ? Number : types.getTypeParser(type, 'text')),
};

class PgTransaction implements Transaction {
  private state: 'new' | 'open' | 'ended' | 'broken' = 'new';

  constructor(
    private readonly client: PoolClient,
    private readonly beginning: readonly string[],
    private readonly prepared: (query: Query) => QueryConfig,
  ) {}

  async send(...queries: Query[]): Promise<Row[][]> {
    return (await this.pipeline(queries)).map(({ rows }) => rows as Row[]);
  }

  async commit(...queries: Query[]): Promise<Row[][]> {
    const results = await this.pipeline(queries, 'commit');
    this.state = 'ended';
    // The server answers COMMIT of a failed transaction with success and the tag ROLLBACK.
    const tag = results.at(-1)?.command;
    if (tag !== 'COMMIT') {
      throw new Error(`the transaction ended with ${String(tag)} instead of COMMIT`);
    }
    return results.slice(0, -1).map(({ rows }) => rows as Row[]);
  }

  async end(): Promise<boolean> {
    if (this.state !== 'open') {
      return this.state !== 'broken';
    }
    return this.client.query('rollback').then(
      () => true,
      () => false,
    );
  }

  private async pipeline(queries: Query[], last?: 'commit'): Promise<QueryResult[]> {
    const isFirst = this.state === 'new';
    this.state = 'open';
    const sent = this.inOneWrite(() => [
      ...(isFirst ? this.beginning.map((text) => this.client.query(text)) : []),
      ...queries.map((query) => this.client.query(this.prepared(query))),
      ...(last === undefined ? [] : [this.client.query(last)]),
    ]);
    // All must settle before the connection is used again. The first failure is the cause, the others follow from it.
    const settled = await Promise.allSettled(sent);
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      // An error without a severity does not come from the server: a rollback would only wait for the server again.
      if ((failed.reason as { severity?: unknown }).severity === undefined) {
        this.state = 'broken';
      }
      throw failed.reason;
    }
    return settled
      .flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      .slice(isFirst ? this.beginning.length : 0);
  }

  /** The driver writes each statement separately, and the write is most of the cost of a statement. */
  private inOneWrite<T>(send: () => T): T {
    const { stream } = (this.client as unknown as { connection: { stream: Socket } }).connection;
    stream.cork();
    try {
      return send();
    } finally {
      stream.uncork();
    }
  }
}

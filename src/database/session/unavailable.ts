import { setTimeout as sleep } from 'node:timers/promises';
import { RETRY_IN_A_SECOND } from '../../http/problems/problem.errors.js';
import type { ProblemDescription, ProblemError } from '../../http/problems/problem.js';

/**
 * The database could not serve a call, for a reason that passes or that an operator can repair.
 *
 * The message says why in a few words. It names no host, user or statement, so anybody may see it.
 */
export class DatabaseUnavailableError extends Error implements ProblemError {
  override readonly name = 'DatabaseUnavailableError';

  get problem(): ProblemDescription {
    return {
      slug: 'database-unavailable',
      title: 'Database unavailable',
      status: 503,
      detail: `The call could not be served: ${this.message}. Try again.`,
      headers: RETRY_IN_A_SECOND,
    };
  }
}

/** Errors of PostgreSQL that pass: connection lost, shutting down, too many clients, out of memory, tables locked. */
const PASSING = /^(08...|57P0[1-5]|53...|40001|40P01|55P03)$/;
/** The server ended a statement that took too long, or a transaction that did nothing for too long. */
const TOO_SLOW = /^(57014|25P03|25P04)$/;
/** A table or column is missing: this build's migrations have not been applied yet. */
const SCHEMA_MISSING = new Set(['42P01', '42703', '3F000']);
/** What an operator must change before any call can be served. By SQLSTATE, or by its class. */
const MISCONFIGURED: Readonly<Record<string, string>> = {
  '3D000': 'the database that DATABASE_URL names does not exist',
  '28': 'the database does not know the role of DATABASE_URL, or does not accept its password',
  '42501': 'the role of DATABASE_URL lacks a privilege',
  '25006': 'the database takes no writes',
};
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** The driver reports some lost connections only by the text of the error, and Citus those to a node that shuts down. */
const LOST =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|timeout expired|Cannot use a pool after calling end|postmaster was shut down)/;

/** A lost connection, a lost race, and refusals while the server starts, stops, fails over or has no free connection. */
const OF_A_MOMENT = /^(08...|57P0[1-35]|25P03|53300|40001|40P01|55P03)$/;

/**
 * Says in a few words why the database could not serve; null if the error is something else.
 *
 * The words name no host, user or statement, so anybody may see them.
 */
export function unavailability(error: unknown): string | null {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const sqlState = typeof code === 'string' ? code : '';
  if (SCHEMA_MISSING.has(sqlState)) {
    return 'the database schema is missing or too old';
  }
  const misconfigured = MISCONFIGURED[sqlState] ?? MISCONFIGURED[sqlState.slice(0, 2)];
  if (misconfigured !== undefined) {
    return misconfigured;
  }
  if (PASSING.test(sqlState)) {
    return 'the database is busy or restarting';
  }
  if (TOO_SLOW.test(sqlState) || String(message) === 'Query read timeout') {
    return 'the database takes too long to answer';
  }
  if (String(message).startsWith('The server does not support SSL')) {
    return 'the database does not speak TLS';
  }
  if (NETWORK.has(sqlState) || LOST.test(String(message))) {
    return 'the database is not reachable';
  }
  return error instanceof AggregateError && error.errors.length > 0 ? unavailability(error.errors[0]) : null;
}

/**
 * Whether the same work may succeed a moment later on another connection. False after waiting for a free connection of the
 * pool: another wait would be as long.
 */
export function isOfAMoment(error: unknown): boolean {
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  const text = String(message);
  if (OF_A_MOMENT.test(String(code)) || NETWORK.has(String(code)) || text === 'Query read timeout') {
    return true;
  }
  if (LOST.test(text)) {
    return !/^(timeout exceeded|Cannot use a pool)/.test(text);
  }
  const inner = error instanceof AggregateError ? error.errors[0] : cause;
  return inner !== undefined && isOfAMoment(inner);
}

/** No attempt starts later than this after the first. */
const RETRY_FOR_MS = 3_500;
const LONGEST_WAIT_MS = 400;

/**
 * Runs a whole unit of work, and repeats it from the beginning while the database is away for a moment: after lost
 * connections, a restart, a failover. Lost races with other writers are handled elsewhere.
 *
 * The wait between attempts is random, with a growing limit, so that not all callers come back at once.
 *
 * @param work takes new connections each time; must be safe to repeat, because after a lost connection nobody knows
 *   whether the last commit took place
 * @param isRepeatable asked after a failure; false stops repeating
 * @throws {DatabaseUnavailableError} the last one, if no attempt succeeded in time
 */
export async function retryUnavailable<T>(
  work: () => Promise<T>,
  isRepeatable: () => boolean = () => true,
): Promise<T> {
  const deadline = performance.now() + RETRY_FOR_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const waitMs = Math.random() * Math.min(20 * 2 ** attempt, LONGEST_WAIT_MS);
      const isWorthIt = error instanceof DatabaseUnavailableError && isOfAMoment(error);
      if (!isWorthIt || !isRepeatable() || performance.now() + waitMs > deadline) {
        throw error;
      }
      await sleep(waitMs);
    }
  }
}

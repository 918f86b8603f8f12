import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { IdempotencyKeyInFlightError } from '../change.errors.js';
import { BlockedMeanwhileError, Conflict } from '../identity.errors.js';
import type { ConflictCause } from '../identity.metrics.js';
import { PATTERN_CONSTRAINT } from './blocked.statements.js';
import { KEY_CONSTRAINT } from './change.statements.js';

/** Unique violation, serialization failure, deadlock, and a lock that took too long. */
const CAUSES: Readonly<Record<string, ConflictCause>> = {
  23505: 'claimed',
  40001: 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lock_timeout',
};

/**
 * The conflict that ended a transaction which writes a decision: another writer claimed the same identifier first, or
 * PostgreSQL ended a deadlock or a wait. Nothing was written.
 *
 * @throws {IdempotencyKeyInFlightError} if its idempotency key was used in the meantime
 * @throws {BlockedMeanwhileError} if the same value was blocked in the meantime
 * @throws the error itself if it is no conflict
 */
export function conflictOf(error: unknown): Conflict {
  if (violates(error, KEY_CONSTRAINT)) {
    throw new IdempotencyKeyInFlightError();
  }
  if (violates(error, PATTERN_CONSTRAINT)) {
    throw new BlockedMeanwhileError();
  }
  const cause = causeOf(error);
  if (cause === null) {
    throw error;
  }
  return new Conflict(cause);
}

function violates(error: unknown, constraint: string): boolean {
  return String((error as { message?: unknown }).message).includes(constraint);
}

function causeOf(error: unknown): ConflictCause | null {
  const { code, message } = (error instanceof DatabaseUnavailableError ? (error.cause ?? error) : error) as {
    code?: unknown;
    message?: unknown;
  };
  // Distributed engines wrap a unique violation in another error. Only its text shows it.
  return CAUSES[String(code)] ?? (String(message).includes('duplicate key') ? 'claimed' : null);
}

import { AdministrationError } from '../access/access.errors.js';
import { SettingsError } from '../config/settings.js';
import { DataDirError, DataDirInUseError } from '../database/embedded/data-dir-lock.js';
import { EngineError } from '../database/engine.js';
import { InvalidRequestError } from '../http/problems/problem.errors.js';
import type { ProblemError } from '../http/problems/problem.js';
import { SchemaError } from '../database/schema/schema-version.js';
import { NotFoundError } from '../identity/identity.errors.js';
import { TransferError } from '../transfer/files.js';
import { troubleOf } from '../transfer/import/retry.js';
import { loggable } from '../telemetry/logging/loggable.js';

/** Describes why a command failed: one sentence if its user can repair it, otherwise the error itself. */
export function describeError(error: unknown): string {
  const mendable = [
    AdministrationError,
    NotFoundError,
    TransferError,
    SchemaError,
    SettingsError,
    EngineError,
    DataDirError,
    DataDirInUseError,
  ];
  if (mendable.some((kind) => error instanceof kind)) {
    return (error as Error).message;
  }
  const trouble = troubleOf(error);
  if (trouble !== null) {
    const { code, cause } = error as { code?: string; cause?: { code?: string } };
    const known = code ?? cause?.code;
    return `The command failed: ${trouble}${known === undefined ? '' : ` (${known})`}.`;
  }
  if (error instanceof InvalidRequestError) {
    return `${error.message}.`;
  }
  const { problem } = error as Partial<ProblemError>;
  if (problem !== undefined) {
    return problem.detail;
  }
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) {
    return `The command failed: ${message}`;
  }
  // Everything else is a bug. `known` contains no part of a PostgreSQL error that quotes values.
  const { stack: _, ...known } = loggable(error);
  return `Internal error, please report it: ${JSON.stringify(known)}`;
}

import { SettingsError } from './config/settings.js';
import { DataDirError, DataDirInUseError } from './database/embedded/data-dir-lock.js';
import { loggable } from './telemetry/logging/loggable.js';

const ADDRESS_ERRORS = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND']);

/** Describes why a process can't start: one sentence if an operator can repair it, otherwise the error with its stack. */
export function describeFailure(error: unknown): string | Record<string, unknown> {
  const isMendable =
    error instanceof SettingsError || error instanceof DataDirInUseError || error instanceof DataDirError;
  if (isMendable) {
    return error.message;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  return ADDRESS_ERRORS.has(String(code)) ? `${message}; see HOST and PORT` : loggable(error);
}

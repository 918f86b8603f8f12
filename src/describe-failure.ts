import { SettingsError } from './config/settings.js';
import { DataDirError, DataDirInUseError } from './database/embedded/data-dir-lock.js';
import { loggable } from './telemetry/logging/loggable.js';

const ADDRESS_ERRORS = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND']);

/** What a process that can't start says: one sentence if an operator can mend it, otherwise the fault with its stack. */
export function describeFailure(error: unknown): string | Record<string, unknown> {
  const isMendable =
    error instanceof SettingsError || error instanceof DataDirInUseError || error instanceof DataDirError;
  if (isMendable) {
    return error.message;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  return ADDRESS_ERRORS.has(String(code)) ? `${message}; see HOST and PORT` : loggable(error);
}

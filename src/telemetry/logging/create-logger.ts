import { ConsoleLogger, type LoggerService } from '@nestjs/common';
import type { LogLevel } from '../../config/settings.js';
import { JsonLogger } from './json-logger.js';

/** The names that Nest's logger has for the levels, the gravest first. */
const NEST_LEVELS = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warn',
  info: 'log',
  debug: 'debug',
  trace: 'verbose',
} as const;

/** The logger of a process: lines to read on a terminal, JSON anywhere else. */
export function createLogger(level: LogLevel): LoggerService {
  if (!process.stdout.isTTY) {
    return new JsonLogger(level);
  }
  const names = Object.keys(NEST_LEVELS) as (keyof typeof NEST_LEVELS)[];
  const shown = level === 'silent' ? [] : names.slice(0, names.indexOf(level) + 1);
  return new ConsoleLogger({ logLevels: shown.map((name) => NEST_LEVELS[name]) });
}

import { ConsoleLogger, type LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Level, type Logger } from 'pino';
import type { LogLevel } from '../../config/settings.js';
import { loggable } from './loggable.js';

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

/**
 * One JSON object a line: `level`, `time`, `context`, `msg`, and the fields that a message brings.
 *
 * Lines are written at once, so that the last ones of a process that is killed are there too. Of an error only what
 * {@link loggable} lets through is written, wherever in a message it stands.
 */
export class JsonLogger implements LoggerService {
  private readonly pino: Logger;

  constructor(level: LogLevel, destination: DestinationStream = pino.destination({ dest: 1, sync: true })) {
    this.pino = pino(
      {
        level,
        // The name of the host and the process id are for the collector of the logs to add.
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    );
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  /** Nest hands over the message, at times a stack, and last the context: the name of the logger. */
  private write(level: Level, message: unknown, rest: readonly unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) {
      return;
    }
    const context = rest.findLast((value) => typeof value === 'string');
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? { stack: rest[0] } : {};
    if (typeof message === 'string') {
      this.pino[level]({ context, ...stack }, message);
    } else {
      this.pino[level]({ context, ...fieldsOf(message) });
    }
  }
}

/** Deeper lies only a circle. */
const DEPTH_MAX = 8;

function fieldsOf(message: unknown): Record<string, unknown> {
  return message instanceof Error || typeof message !== 'object' || message === null
    ? { error: loggable(message) }
    : (withoutErrors(message) as Record<string, unknown>);
}

/** A copy in which every error is what may be logged of it. Ends at a depth that only a circle reaches. */
function withoutErrors(value: unknown, depth = 0): unknown {
  if (value instanceof Error) {
    return loggable(value);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (depth > DEPTH_MAX) {
    return '…';
  }
  return Array.isArray(value)
    ? value.map((item) => withoutErrors(item, depth + 1))
    : Object.fromEntries(
        Object.entries(value).map(([name, field]) => [name, withoutErrors(field, depth + 1)]),
      );
}

import { ConsoleLogger, type LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Level, type Logger } from 'pino';
import type { LogLevel } from '../../config/settings.js';
import { loggable } from './loggable.js';

/** The names of the levels in Nest's logger, the most severe first. */
const NEST_LEVELS = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warn',
  info: 'log',
  debug: 'debug',
  trace: 'verbose',
} as const;

/** The logger of a process: plain lines on a terminal, JSON everywhere else. */
export function createLogger(level: LogLevel, isTerminal = process.stdout.isTTY): LoggerService {
  return isTerminal ? new TerminalLogger(level) : new JsonLogger(level);
}

/** The contexts in which Nest logs each module and route that it sets up. */
const FRAMEWORK = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Hides the lines of the framework unless LOG_LEVEL is debug or trace, so that those of the service are seen. */
class TerminalLogger extends ConsoleLogger {
  constructor(level: LogLevel) {
    const names = Object.keys(NEST_LEVELS) as (keyof typeof NEST_LEVELS)[];
    const shown = level === 'silent' ? [] : names.slice(0, names.indexOf(level) + 1);
    super({ logLevels: shown.map((name) => NEST_LEVELS[name]) });
  }

  override log(message: unknown, ...rest: unknown[]): void {
    if (this.isLevelEnabled('debug') || !FRAMEWORK.has(String(rest.at(-1)))) {
      super.log(message, ...rest);
    }
  }
}

/**
 * One JSON object per line: `level`, `time`, `context`, `msg`, and the fields of the message.
 *
 * Lines are written at once, so that the last lines of a killed process are not lost. An error, wherever it is in a
 * message, is reduced to what {@link loggable} allows.
 */
export class JsonLogger implements LoggerService {
  private readonly pino: Logger;

  constructor(level: LogLevel, destination: DestinationStream = pino.destination({ dest: 1, sync: true })) {
    this.pino = pino(
      {
        level,
        // The collector of the logs adds the host name and the process id.
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

  /** Nest passes the message, sometimes a stack, and last the context: the name of the logger. */
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

/** A copy in which every error is reduced to what may be logged. Stops at a depth that only circular data reaches. */
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

import { Logger } from '@nestjs/common';
import { lookup } from 'node:dns/promises';
import { requireAuth } from './access/auth.module.js';
import { loadSettings } from './config/load-settings.js';
import { SettingsError } from './config/settings.js';
import { createApp } from './create-app.js';
import { DataDirError, DataDirInUseError } from './database/embedded/data-dir-lock.js';
import { firstCall } from './first-call.js';
import { createLogger } from './telemetry/logging/logger.js';
import { installLastWords, loggable } from './telemetry/logging/loggable.js';
import { startTracing } from './telemetry/tracing/tracing.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const ADDRESS_ERRORS = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND']);

Logger.overrideLogger(createLogger('info'));
const logger = new Logger('Service');
installLastWords((error) => logger.fatal({ cause: 'an uncaught error', error }), 1);
// Until the application handles the signals itself. Without this, the first process of a container would ignore them.
const quit = (): never => process.exit(0);
SIGNALS.forEach((signal) => process.once(signal, quit));

try {
  const settings = loadSettings(process.env);
  requireAuth(settings, process.env);
  await startTracing(process.env);
  const app = await createApp(settings);
  app.enableShutdownHooks([...SIGNALS], { useProcessExit: true });
  SIGNALS.forEach((signal) => process.removeListener(signal, quit));
  // For `localhost` Fastify would start more servers for the other addresses, without the settings of this one.
  const { address } = await lookup(settings.host);
  await app.listen(settings.port, address);
  const url = await app.getUrl();
  logger.log(
    `Listening on ${url}${settings.hasConsole ? `, console at ${url}/console` : ''}${settings.hasDocs ? `, Swagger UI at ${url}/docs` : ''}`,
  );
  if (process.stdout.isTTY) {
    process.stdout.write(`\n${firstCall(url, settings)}\n`);
  }
} catch (error) {
  logger.fatal(describeFailure(error));
  process.exit(1);
}

/** Describes why the service can't start: one sentence if an operator can repair it, otherwise the error with its stack. */
function describeFailure(error: unknown): string | Record<string, unknown> {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof SettingsError || error instanceof DataDirInUseError || error instanceof DataDirError) {
    return error.message;
  }
  return ADDRESS_ERRORS.has(String(code)) ? `${message}; see HOST and PORT` : loggable(error);
}

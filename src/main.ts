import { Logger } from '@nestjs/common';
import { lookup } from 'node:dns/promises';
import { requireAuth } from './access/require-auth.js';
import { loadSettings } from './config/load-settings.js';
import { createApp } from './create-app.js';
import { describeFailure } from './describe-failure.js';
import { createLogger } from './telemetry/logging/logger.js';
import { installLastWords } from './telemetry/logging/loggable.js';
import { startTracing } from './telemetry/tracing/tracing.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

Logger.overrideLogger(createLogger('info'));
const logger = new Logger('Service');
installLastWords((error) => logger.fatal({ cause: 'an error that nothing handled', error }), 1);
// Until the application handles them itself: as the first process of a container it would not even be ended by them.
const quit = (): never => process.exit(0);
SIGNALS.forEach((signal) => process.once(signal, quit));

try {
  const settings = loadSettings();
  requireAuth(settings, process.env);
  await startTracing(process.env);
  const app = await createApp(settings);
  app.enableShutdownHooks([...SIGNALS], { useProcessExit: true });
  SIGNALS.forEach((signal) => process.removeListener(signal, quit));
  // Of `localhost` Fastify would serve further addresses with servers that get none of what is set up for this one.
  const { address } = await lookup(settings.host);
  await app.listen(settings.port, address);
  const url = await app.getUrl();
  logger.log(`Listening on ${url}${settings.hasDocs ? `, Swagger UI at ${url}/docs` : ''}`);
} catch (error) {
  logger.fatal(describeFailure(error));
  process.exit(1);
}

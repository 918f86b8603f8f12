import { Logger } from '@nestjs/common';
import { loadSettings } from './config/load-settings.js';
import { createApp } from './create-app.js';
import { describeFailure } from './describe-failure.js';

const logger = new Logger('Service');

try {
  const settings = loadSettings();
  const app = await createApp(settings);
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  await app.listen(settings.port, settings.host);
  const url = await app.getUrl();
  logger.log(`Listening on ${url}, Swagger UI at ${url}/docs`);
} catch (error) {
  logger.fatal(describeFailure(error));
  process.exit(1);
}

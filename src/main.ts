import { Logger } from '@nestjs/common';
import { loadSettings } from './config/load-settings.js';
import { SettingsError } from './config/settings.js';
import { createApp } from './create-app.js';
import { DataDirInUseError } from './database/data-dir-lock.js';
import { loggable } from './problems/loggable.js';

const logger = new Logger('Service');

try {
  const settings = loadSettings();
  const app = await createApp(settings);
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  await app.listen(settings.port, settings.host);
  const url = await app.getUrl();
  logger.log(`Listening on ${url}, Swagger UI at ${url}/docs`);
} catch (error) {
  // What an operator can mend is said in a sentence; anything else is a fault of ours, and its stack helps.
  const isMendable = error instanceof SettingsError || error instanceof DataDirInUseError || isAddressError(error);
  logger.fatal(isMendable ? error.message : loggable(error));
  process.exit(1);
}

function isAddressError(error: unknown): error is Error {
  return ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL'].includes(String((error as NodeJS.ErrnoException).code));
}

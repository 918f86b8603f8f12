import { Logger } from '@nestjs/common';
import { Command } from 'commander';
import { ormOptions } from '../mikro-orm.config.js';
import { loadSettings } from './config/load-settings.js';
import { holdDataDir } from './database/embedded/data-dir-lock.js';
import { migrate } from './database/schema/migrate.js';
import { unavailability } from './database/session/unavailable.js';
import { describeFailure } from './describe-failure.js';
import { createLogger } from './telemetry/logging/create-logger.js';
import { installLastWords } from './telemetry/logging/last-words.js';

// `npm run migration:up`
new Command('migration:up')
  .description(
    'Brings the schema up to date, and ends with 0 if it is. Any number may run at once. The database is that of DATABASE_URL, or the embedded one in DATA_DIR (default ./data); DATABASE_SERVICE_ROLE is granted what the service needs.',
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();

Logger.overrideLogger(createLogger('info'));
const logger = new Logger('Migration');
installLastWords((error) => logger.fatal({ cause: 'an error that nothing handled', error }), 1);

try {
  const settings = loadSettings();
  if (settings.databaseUrl === null) {
    await holdDataDir(settings.dataDir);
  }
  const applied = await migrate(ormOptions(settings, 'migrate'), settings.databaseServiceRole);
  logger.log(applied.length === 0 ? 'The schema is up to date' : `Applied ${applied.join(', ')}`);
} catch (error) {
  const reason = unavailability(error);
  const { code } = error as { code?: string };
  logger.fatal(
    reason === null
      ? describeFailure(error)
      : `The schema could not be migrated: ${reason}${code === undefined ? '' : ` (${code})`}`,
  );
  process.exitCode = 1;
}

import { Command } from 'commander';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description(
      'Brings the database schema up to date. Several may run at once: each waits for the one before it. Grants the role in DATABASE_SERVICE_ROLE what the service needs.',
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 the schema is up to date, 2 it is not: run the command again when the cause is gone.',
    )
    .action(async () => {
      const { Logger } = await import('@nestjs/common');
      const { ormOptions } = await import('../../mikro-orm.config.js');
      const { loadSettings } = await import('../config/load-settings.js');
      const { migrate } = await import('../database/schema/migrate.js');
      const { backfillEvidence } = await import('../identity/store/backfill-evidence.js');
      Logger.overrideLogger(false);
      const settings = loadSettings();
      const applied = await migrate(
        ormOptions(settings, 'migrate'),
        settings.databaseServiceRole,
        backfillEvidence,
      );
      process.stdout.write(
        applied.length === 0 ? 'The schema is up to date.\n' : `Applied ${applied.join(', ')}\n`,
      );
    });
}

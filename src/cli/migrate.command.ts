import type { Options } from '@mikro-orm/core';
import { Command } from 'commander';
import type { Settings } from '../config/settings.js';
import type { Terminal } from './terminal.js';

export function migrateCommand(terminal: Terminal): Command {
  return new Command('migrate')
    .description(
      'Migrates the database schema. Several may run at the same time: each waits for the one before it. Grants the role in DATABASE_SERVICE_ROLE what the service needs.',
    )
    .addHelpText('after', '\nExit codes: 0 done, 2 not done: run it again when the cause is gone.')
    .action(async () => {
      const { settings, options } = await prepare(terminal);
      const { migrate } = await import('../database/schema/migrate.js');
      const { backfillEvidence } = await import('../identity/store/backfill-evidence.js');
      const applied = await migrate(options, settings.databaseServiceRole, backfillEvidence);
      terminal.print(
        applied.length === 0 ? 'The schema is up to date.\n' : `Applied ${applied.join(', ')}\n`,
      );
    })
    .addCommand(
      new Command('list').description('Lists the applied and the pending migrations.').action(async () => {
        const { options } = await prepare(terminal);
        const { openDatabase } = await import('../database/open-database.js');
        await using database = await openDatabase(options);
        const { migrator } = database.orm;
        const applied = await migrator.getExecuted();
        const pending = await migrator.getPending();
        terminal.print(
          [...applied, ...pending]
            .map(({ name }, i) => `${i < applied.length ? 'applied' : 'pending'}  ${name}\n`)
            .join(''),
        );
      }),
    )
    .addCommand(
      new Command('down')
        .description('Reverts the last migration and deletes its data, without asking. For development.')
        .action(async () => {
          const { options } = await prepare(terminal);
          const { openDatabase } = await import('../database/open-database.js');
          await using database = await openDatabase(options);
          const reverted = await database.orm.migrator.down();
          terminal.print(
            reverted.length === 0
              ? 'There is no migration to revert.\n'
              : `Reverted ${reverted.map(({ name }) => name).join(', ')}\n`,
          );
        }),
    );
}

/** Loads the ORM, which takes a second, and the settings. */
async function prepare(terminal: Terminal): Promise<{ settings: Settings; options: Partial<Options> }> {
  const { Logger } = await import('@nestjs/common');
  const { ormOptions } = await import('../../mikro-orm.config.js');
  const { loadSettings } = await import('../config/load-settings.js');
  const { withEngine } = await import('../database/engine.js');
  // The standard output is for results.
  Logger.overrideLogger(false);
  const settings = await withEngine(loadSettings(terminal.env));
  return { settings, options: ormOptions(settings, 'migrate') };
}

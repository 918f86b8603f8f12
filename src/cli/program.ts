import { Command, CommanderError } from 'commander';
import { setFlagsFromString } from 'node:v8';
import { installLastWords } from '../telemetry/logging/loggable.js';
import { VERSION } from '../config/version.js';
import { exportCommand } from './export.command.js';
import { importCommand } from './import.command.js';
import { keysCommand } from './keys.command.js';
import { migrateCommand } from './migrate.command.js';
import { printError } from './output.js';
import { tenantsCommand } from './tenants.command.js';

// Some 40 MB are alive at any time, but V8 lets the heap grow fourfold before it looks: 380 MB at the peak of an import,
// and 275 MB this way.
setFlagsFromString('--heap-growing-percent=50');

installLastWords((error) => {
  printError(`Internal error, please report it: ${JSON.stringify(error)}\n`);
}, 2);

const program = new Command('identity-reconciliation')
  .description(
    'Identity reconciliation: import and export of people, tenants, API keys and migrations. The service itself starts with `npm start`.',
  )
  .version(VERSION)
  .addCommand(importCommand())
  .addCommand(exportCommand())
  .addCommand(keysCommand())
  .addCommand(tenantsCommand())
  .addCommand(migrateCommand())
  .addHelpText(
    'after',
    '\nThe database is the one of the service: DATABASE_URL, or the embedded one in DATA_DIR (default ./data).',
  );
for (const command of [
  program,
  ...program.commands,
  ...program.commands.flatMap(({ commands }) => commands),
]) {
  command
    .exitOverride()
    .showHelpAfterError('Give --help for the options.')
    .configureOutput({ writeErr: printError });
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) {
    const { describeError } = await import('./describe-error.js');
    printError(`${describeError(error)}\n`);
  }
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
}

import { Command, CommanderError } from 'commander';
import { setFlagsFromString } from 'node:v8';
import { installLastWords } from '../telemetry/logging/loggable.js';
import { VERSION } from '../config/version.js';
import { blockedValuesCommand } from './blocked-values.command.js';
import { erasuresCommand } from './erasures.command.js';
import { exportCommand } from './export.command.js';
import { identitiesCommand } from './identities.command.js';
import { importCommand } from './import.command.js';
import { keysCommand } from './keys.command.js';
import { mergesCommand } from './merges.command.js';
import { migrateCommand } from './migrate.command.js';
import { printError } from './output.js';
import { policyCommand } from './policy.command.js';
import { reviewsCommand } from './reviews.command.js';
import { rulesCommand } from './rules.command.js';
import { tenantsCommand } from './tenants.command.js';

// About 40 MB are in use at any time, but by default V8 lets the heap grow fourfold before it collects. This lowers the peak
// of an import from 380 MB to 275 MB.
setFlagsFromString('--heap-growing-percent=50');

installLastWords((error) => {
  printError(`Internal error, please report it: ${JSON.stringify(error)}\n`);
}, 2);

// Whoever reads the output may have read enough, like `head`. What was to be done is done, so that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    throw error;
  }
});

const program = new Command('identity-reconciliation')
  .description(
    'Manages identity reconciliation: import and export, identities, rules, reviews, blocked values, tenants, API keys and migrations. `npm start` starts the service itself.',
  )
  .version(VERSION)
  .addCommand(importCommand())
  .addCommand(exportCommand())
  .addCommand(identitiesCommand())
  .addCommand(mergesCommand())
  .addCommand(rulesCommand())
  .addCommand(erasuresCommand())
  .addCommand(reviewsCommand())
  .addCommand(blockedValuesCommand())
  .addCommand(policyCommand())
  .addCommand(keysCommand())
  .addCommand(tenantsCommand())
  .addCommand(migrateCommand())
  .addHelpText(
    'after',
    '\nThe commands use the database of the service: DATABASE_URL, or the embedded one in DATA_DIR (default ./data).',
  );
for (const command of withSubcommands(program)) {
  command
    .exitOverride()
    .showHelpAfterError('Use --help to see the options.')
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

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

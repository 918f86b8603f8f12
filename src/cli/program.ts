import { Command, CommanderError } from 'commander';
import { VERSION } from '../config/version.js';
import { blockedValuesCommand } from './blocked-values.command.js';
import { erasuresCommand } from './erasures.command.js';
import { exportCommand } from './export.command.js';
import { identitiesCommand } from './identities.command.js';
import { importCommand } from './import.command.js';
import { keysCommand } from './keys.command.js';
import { mergesCommand } from './merges.command.js';
import { migrateCommand } from './migrate.command.js';
import { policyCommand } from './policy.command.js';
import { reviewsCommand } from './reviews.command.js';
import { rulesCommand } from './rules.command.js';
import { tenantsCommand } from './tenants.command.js';
import type { Terminal } from './terminal.js';

/** Runs the command that the arguments name. What it has to say, it says on the terminal, and leaves its exit code there. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<void> {
  try {
    await programOn(terminal).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const { describeError } = await import('./describe-error.js');
      terminal.printError(`${describeError(error)}\n`);
    }
    terminal.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
  }
}

function programOn(terminal: Terminal): Command {
  const program = new Command('identity-reconciliation')
    .description(
      'Manages identity reconciliation: import and export, identities, rules, reviews, blocked values, tenants, API keys and migrations. `npm start` starts the service itself.',
    )
    .version(VERSION)
    .addCommand(importCommand(terminal))
    .addCommand(exportCommand(terminal))
    .addCommand(identitiesCommand(terminal))
    .addCommand(mergesCommand(terminal))
    .addCommand(rulesCommand(terminal))
    .addCommand(erasuresCommand(terminal))
    .addCommand(reviewsCommand(terminal))
    .addCommand(blockedValuesCommand(terminal))
    .addCommand(policyCommand(terminal))
    .addCommand(keysCommand(terminal))
    .addCommand(tenantsCommand(terminal))
    .addCommand(migrateCommand(terminal))
    .addHelpText(
      'after',
      '\nThe commands use the database of the service: DATABASE_URL, or the embedded one in DATA_DIR (default ./data).',
    );
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .showHelpAfterError('Use --help to see the options.')
      .configureOutput({
        writeOut: (text) => terminal.print(text),
        writeErr: (text) => terminal.printError(text),
      });
  }
  return program;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

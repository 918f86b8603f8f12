import { Command } from 'commander';
import { createInterface } from 'node:readline/promises';
import { readWholeNumber } from './arguments.js';
import { ACTOR } from './ask.js';
import { stoppedBySignals } from './import.command.js';
import { table } from './output.js';
import type { Terminal } from './terminal.js';

interface Flags {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly reason: string;
  readonly retryFor: number;
  readonly tenant?: string;
  readonly quiet?: true;
  readonly json?: true;
}

export function renormaliseCommand(terminal: Terminal): Command {
  return new Command('renormalise')
    .description(
      'Gives identifiers that are stored under an older normal form the one of today, and merges identities that have one value in two spellings.',
    )
    .option('--dry-run', 'tell what would be, and write nothing')
    .option('--yes', 'do not ask before writing; without a terminal nobody is asked')
    .option(
      '--reason <text>',
      'why; it is recorded, so put no identifiers in it',
      'Renormalised with the command line',
    )
    .option(
      '--retry-for <seconds>',
      'how long to keep trying while the database can’t serve',
      readWholeNumber(0, 86_400),
      300,
    )
    .option('--tenant <name>', 'tenant of the identifiers (default: the only tenant)')
    .option('--quiet', 'show no progress')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      `
Run it after DEFAULT_PHONE_REGION or EMAIL_RULES was set or changed, and after an update whose notes name it, when every
replica has the new setting or release. Give it the settings of the service. It works while the service runs, and may be
stopped and run again. A merge that a rule or a limit forbids does not take place: people are asked by a review.

Exit codes: 0 everything has its normal form, 1 some values stay as they are, 2 it could not run or was stopped.`,
    )
    .action((flags: Flags) => renormalise(terminal, flags));
}

async function renormalise(terminal: Terminal, flags: Flags): Promise<void> {
  // Loaded here: the ORM and the framework take a second, and --help does not need them.
  const { loadSettings } = await import('../config/load-settings.js');
  const { readBody } = await import('../identity/api/dto/read-body.js');
  const { UndoRequest } = await import('../identity/api/dto/undo.request.js');
  const { renormaliseAll } = await import('../transfer/renormalise/renormalise.js');
  const { leftOver, namedValues, renormaliseJson, renormaliseText } =
    await import('../transfer/renormalise/summary.js');
  const settings = loadSettings(terminal.env);
  const { reason } = readBody(UndoRequest, { reason: flags.reason }, 'reject');
  const isDryRun = flags.dryRun === true;
  if (!isDryRun && flags.yes !== true && terminal.streams.stdin.isTTY && !(await isWanted(terminal))) {
    terminal.printError('Nothing was changed.\n');
    terminal.exitCode = 2;
    return;
  }
  using stopping = stoppedBySignals(terminal);
  const result = await renormaliseAll(settings, {
    isDryRun,
    actor: ACTOR,
    reason,
    tenant: flags.tenant ?? null,
    retryForMs: flags.retryFor * 1000,
    progress: flags.quiet ? null : terminal.streams.stderr,
    stop: stopping.signal,
  });
  const rows = namedValues(result);
  terminal.print(
    flags.json
      ? renormaliseJson(result)
      : renormaliseText(result) + (rows.length === 0 ? '' : `\n${table(rows)}`),
  );
  if (!result.isComplete) {
    terminal.printError('Run the same command again: what has its normal form is left as it is.\n');
  }
  terminal.exitCode = result.isComplete ? (leftOver(result) > 0 ? 1 : 0) : 2;
}

async function isWanted(terminal: Terminal): Promise<boolean> {
  using asking = createInterface({ input: terminal.streams.stdin, output: terminal.streams.stderr });
  const answer = await asking.question(
    'Identities may be merged, and what is stored is rewritten. Look at it with --dry-run first. Go on? [y/N] ',
  );
  return /^y(es)?$/i.test(answer.trim());
}

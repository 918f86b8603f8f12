import { Command, InvalidArgumentError, Option } from 'commander';
import { DELIMITERS } from '../transfer/csv.js';
import { FILE_FORMATS, formatToReadOf, TransferError, type FileFormat } from '../transfer/files.js';
import { ON_BAD_FIELD, type OnBadField } from '../transfer/import/judge.js';
import { DATE_FORMATS, type DateFormat } from '../transfer/import/parse-date.js';
import type { ImportOptions } from '../transfer/import/run-import.js';
import { isWhole, summaryJson, summaryText, type ImportResult } from '../transfer/import/summary.js';
import { readEncoding, readWholeNumber } from './arguments.js';
import type { Terminal } from './terminal.js';

/** Rows; see bench/import. Larger batches are not faster, and hold their locks longer. */
const BATCH_SIZE = 1000;

/** What a column holds, and its header. */
type ChosenColumn = readonly [kind: string, header: string];

interface ImportFlags {
  readonly format?: FileFormat;
  readonly emailColumn?: readonly string[];
  readonly phoneColumn?: readonly string[];
  readonly createdAtColumn?: string | false;
  readonly identityColumn?: string | false;
  readonly column?: readonly ChosenColumn[];
  readonly dateFormat: DateFormat;
  readonly timeZone?: string;
  readonly onBadField: OnBadField;
  readonly delimiter?: string;
  readonly skipLines: number;
  readonly encoding?: string;
  readonly batchSize: number;
  readonly rejected?: string;
  readonly checkpoint?: string;
  readonly restart?: true;
  readonly dryRun?: true;
  readonly retryFor: number;
  readonly tenant?: string;
  readonly quiet?: true;
  readonly json?: true;
}

export function importCommand(terminal: Terminal): Command {
  return new Command('import')
    .description(
      'Imports people from a CSV or NDJSON file, gzipped or not, by the same rules as POST /identify.',
    )
    .argument('<file>', 'the file; - for the standard input')
    .addOption(new Option('--format <format>', 'default: by the extension').choices(FILE_FORMATS))
    .option(
      '--email-column <name>',
      'column of emails: its header, a glob such as "E-mail * - Value", its number from 1, or a path such as traits.email; may be repeated (default: all that are named like one)',
      add,
    )
    .option(
      '--phone-column <name>',
      'column of phone numbers, in the same ways; may be repeated (default: all that are named like one, but fax)',
      add,
    )
    .option('--created-at-column <name>', 'column of the date (default: created_at, createdAt, date, …)')
    .option('--no-created-at-column', 'read no dates')
    .option(
      '--identity-column <name>',
      'rows with the same value in this column are one person, wherever they stand (default: primaryContactId)',
    )
    .option('--no-identity-column', 'let the identifiers alone decide')
    .option(
      '--column <kind=name>',
      'column of an identifier of a kind, such as customerId=Kundennummer, or in the same ways; may be repeated (default: named like the kind)',
      addColumn,
    )
    .addOption(
      new Option(
        '--date-format <format>',
        'day-first for 31/12/2024, month-first for 12/31/2024, excel for 45657',
      )
        .choices(DATE_FORMATS)
        .default('iso' as const),
    )
    .option('--time-zone <name>', 'of dates without one, such as Europe/Berlin (default: UTC)', readTimeZone)
    .addOption(
      new Option(
        '--on-bad-field <action>',
        'drop: take the row without an email, phone number or date that is not valid; reject: do not take the row',
      )
        .choices(ON_BAD_FIELD)
        .default('drop' as const),
    )
    .option(
      '--delimiter <character>',
      'of CSV; "tab" for a tab (default: detected among , ; tab |)',
      readDelimiter,
    )
    .option(
      '--skip-lines <number>',
      'lines before the header of CSV, such as a title',
      readWholeNumber(0, 1000),
      0,
    )
    .option(
      '--encoding <name>',
      'such as windows-1252, gb18030 or shift_jis (default: UTF-8, or what the byte order mark says)',
      readEncoding,
    )
    .option('--rejected <file>', 'file for rejected rows (default: <file>.rejected.csv)')
    .option('--dry-run', 'report what would be created, linked and merged, and write nothing')
    .option('--restart', 'start from the beginning, even if an earlier import of the file was stopped')
    .option(
      '--checkpoint <file>',
      'file that keeps how far the import has come (default: <file>.checkpoint.json)',
    )
    .option('--batch-size <rows>', 'rows per transaction', readWholeNumber(1, 20_000), BATCH_SIZE)
    .option(
      '--retry-for <seconds>',
      'how long to keep trying while the database can’t serve',
      readWholeNumber(0, 86_400),
      300,
    )
    .option('--tenant <name>', 'tenant of the people (default: the only tenant)')
    .option('--quiet', 'show no progress')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 everything was imported, 1 some rows or fields were not, or could not be joined, 2 the import could not run or was stopped.',
    )
    .action((path: string, flags: ImportFlags) => run(terminal, path, flags));
}

async function run(terminal: Terminal, path: string, flags: ImportFlags): Promise<void> {
  using stopping = stoppedBySignals(terminal);
  const options = optionsOf(terminal, path, flags, stopping.signal);
  // Loaded here: the ORM and the framework take a second, and neither --help nor a wrong option needs them.
  const { loadSettings } = await import('../config/load-settings.js');
  const { runImport } = await import('../transfer/import/run-import.js');
  const result = await runImport(loadSettings(terminal.env), options);
  terminal.print(flags.json ? summaryJson(result) : summaryText(result));
  if (!result.isComplete) {
    terminal.printError(howToResume(result));
  }
  terminal.exitCode = result.isComplete ? (isWhole(result.tally) && result.tally.apart === 0 ? 0 : 1) : 2;
}

/** What SIGINT and SIGTERM abort, until it is disposed of. A second signal ends the process. */
export function stoppedBySignals(terminal: Terminal): Disposable & { readonly signal: AbortSignal } {
  const stopping = new AbortController();
  const stop = (): void => {
    terminal.printError('\nStopping after the current batch. Press Ctrl+C again to stop at once.\n');
    stopping.abort();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  return {
    signal: stopping.signal,
    [Symbol.dispose]: () => void process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop),
  };
}

function optionsOf(terminal: Terminal, path: string, flags: ImportFlags, stop: AbortSignal): ImportOptions {
  const format = flags.format ?? formatToReadOf(path);
  if (format === null) {
    throw new TransferError('The name does not tell the format: give --format csv or --format ndjson.');
  }
  const chosen = {
    email: someOf([...(flags.emailColumn ?? []), ...chosenFor('email', flags)]),
    phone: someOf([...(flags.phoneColumn ?? []), ...chosenFor('phoneNumber', flags)]),
    createdAt: noneIfFalse(flags.createdAtColumn),
    identity: noneIfFalse(flags.identityColumn),
  };
  const further = (flags.column ?? []).filter(([kind]) => kind !== 'email' && kind !== 'phoneNumber');
  return {
    path,
    streams: terminal.streams,
    format,
    dates: { format: flags.dateFormat, timeZone: flags.timeZone ?? null },
    onBadField: flags.onBadField,
    delimiter: flags.delimiter ?? null,
    skipLines: flags.skipLines,
    encoding: flags.encoding ?? null,
    columns: {
      ...Object.fromEntries(Object.entries(chosen).filter(([, name]) => name !== undefined)),
      ...(further.length > 0 && { further }),
    },
    batchSize: flags.batchSize,
    rejectedPath: flags.rejected ?? null,
    checkpointPath: flags.checkpoint ?? null,
    isRestart: flags.restart ?? false,
    isDryRun: flags.dryRun ?? false,
    tenant: flags.tenant ?? null,
    retryForMs: flags.retryFor * 1000,
    progress: flags.quiet ? null : terminal.streams.stderr,
    stop,
  };
}

function chosenFor(kind: string, { column = [] }: ImportFlags): string[] {
  return column.filter(([each]) => each === kind).map(([, name]) => name);
}

/** Without a flag the names decide. */
function someOf(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : names;
}

function add(name: string, others: readonly string[] = []): string[] {
  return [...others, name];
}

function addColumn(text: string, chosen: readonly ChosenColumn[] = []): ChosenColumn[] {
  const equals = text.indexOf('=');
  if (equals < 1 || equals === text.length - 1) {
    throw new InvalidArgumentError('It must be a kind and a header, such as customerId=Kundennummer.');
  }
  return [...chosen, [text.slice(0, equals), text.slice(equals + 1)]];
}

/** Commander turns `--no-…` into false. */
function noneIfFalse(name: string | false | undefined): string | null | undefined {
  return name === false ? null : name;
}

export function readDelimiter(text: string): string {
  const delimiter = /^(tab|\\t)$/i.test(text) ? '\t' : text;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new InvalidArgumentError(
      `It must be one character, such as ${DELIMITERS.filter((each) => each !== '\t').join(' ')} or "tab".`,
    );
  }
  return delimiter;
}

function readTimeZone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new InvalidArgumentError('It must be the name of a time zone, such as Europe/Berlin.');
  }
}

function howToResume({ isDryRun, isResumable }: ImportResult): string {
  if (isDryRun) {
    return 'Nothing was written.\n';
  }
  return isResumable
    ? 'To continue from here, run the same command again.\n'
    : 'To continue, send the whole input again: rows that are in the database already are not written twice.\n';
}

import { Command, InvalidArgumentError, Option } from 'commander';
import { ImportError } from '../transfer/import/import.error.js';
import { DELIMITERS, ENCODINGS, FORMATS, type Encoding, type Format } from '../transfer/import/format.js';
import { rowsOf } from '../transfer/import/tally.js';
import type { ImportOptions, ImportResult } from '../transfer/import/run-import.js';
import { duration, number } from '../transfer/import/progress.js';
import { wholeNumber } from './numbers.js';

/** Rows; see bench/import. Larger ones hold their locks for longer, and gain nothing. */
const BATCH_SIZE = 1000;

interface Flags {
  readonly format?: Format;
  readonly emailColumn?: string;
  readonly phoneColumn?: string;
  readonly createdAtColumn?: string | false;
  readonly identityColumn?: string | false;
  readonly delimiter?: string;
  readonly encoding?: Encoding;
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

export function importCommand(): Command {
  return new Command('import')
    .description('Takes in people from a CSV or NDJSON file, gzipped or not, by the rules of POST /identify.')
    .argument('<file>', 'the file; - for the standard input')
    .addOption(new Option('--format <format>', 'by default the extension tells').choices(FORMATS))
    .option('--email-column <name>', 'column of the email (default: email, e-mail, mail, …)')
    .option(
      '--phone-column <name>',
      'column of the phone number (default: phone, phone_number, mobile, tel, …)',
    )
    .option('--created-at-column <name>', 'column of the date (default: created_at, createdAt, date, …)')
    .option('--no-created-at-column', 'take no dates')
    .option(
      '--identity-column <name>',
      'rows that follow one another with the same value are one person (default: primaryContactId)',
    )
    .option('--no-identity-column', 'let the identifiers alone decide')
    .option(
      '--delimiter <character>',
      'of CSV; "tab" for a tab (default: detected among , ; tab |)',
      readDelimiter,
    )
    .addOption(
      new Option('--encoding <name>', 'by default UTF-8, or what a byte order mark says').choices(ENCODINGS),
    )
    .option('--rejected <file>', 'where rejected rows go (default: <file>.rejected.csv)')
    .option('--dry-run', 'report what would be created, linked and merged, and write nothing')
    .option('--restart', 'begin anew, in place of going on where an earlier import of the file was stopped')
    .option(
      '--checkpoint <file>',
      'where to keep how far the import has come (default: <file>.checkpoint.json)',
    )
    .option('--batch-size <rows>', 'rows of one transaction', wholeNumber(1, 20_000), BATCH_SIZE)
    .option(
      '--retry-for <seconds>',
      'how long to wait for a database that can’t serve',
      wholeNumber(0, 86_400),
      300,
    )
    .option('--tenant <name>', 'whose people they are (default: the only tenant there is)')
    .option('--quiet', 'show no progress')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 every row was taken, 1 some rows were rejected, 2 the import could not run or was stopped.',
    )
    .action(run);
}

async function run(path: string, flags: Flags): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => {
    process.stderr.write('\nStopping after the batch under way; once more ends at once.\n');
    stopping.abort();
  };
  // Once: the second signal has its usual effect.
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const options = optionsOf(path, flags, stopping.signal);
    // Only now: the ORM and the framework take a second to load, which neither --help nor a wrong option needs.
    const { loadSettings } = await import('../config/load-settings.js');
    const { runImport } = await import('../transfer/import/run-import.js');
    const result = await runImport(loadSettings(), options);
    process.stdout.write(
      flags.json ? `${JSON.stringify(summary(result, flags))}\n` : describe(result, flags),
    );
    if (!result.isComplete) {
      process.stderr.write(howToResume(path, flags));
    }
    process.exitCode = result.isComplete ? (result.tally.rejected > 0 ? 1 : 0) : 2;
  } finally {
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  }
}

function optionsOf(path: string, flags: Flags, stop: AbortSignal): ImportOptions {
  const chosen = {
    email: flags.emailColumn,
    phone: flags.phoneColumn,
    createdAt: noneIfFalse(flags.createdAtColumn),
    identity: noneIfFalse(flags.identityColumn),
  };
  return {
    path,
    format: flags.format ?? formatOf(path),
    delimiter: flags.delimiter ?? null,
    encoding: flags.encoding ?? null,
    columns: Object.fromEntries(Object.entries(chosen).filter(([, name]) => name !== undefined)),
    batchSize: flags.batchSize,
    rejectedPath: flags.rejected ?? null,
    checkpointPath: flags.checkpoint ?? null,
    isRestart: flags.restart ?? false,
    isDryRun: flags.dryRun ?? false,
    tenant: flags.tenant ?? null,
    retryForMs: flags.retryFor * 1000,
    progress: flags.quiet ? null : process.stderr,
    stop,
  };
}

/** Commander's `--no-…` gives false. */
function noneIfFalse(name: string | false | undefined): string | null | undefined {
  return name === false ? null : name;
}

function formatOf(path: string): Format {
  const extension = /\.(csv|tsv|txt|ndjson|jsonl)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  if (extension === undefined) {
    throw new ImportError('The name does not tell the format: give --format csv or --format ndjson.');
  }
  return extension === 'ndjson' || extension === 'jsonl' ? 'ndjson' : 'csv';
}

function readDelimiter(text: string): string {
  const delimiter = /^(tab|\\t)$/i.test(text) ? '\t' : text;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new InvalidArgumentError(
      `It must be one character, such as ${DELIMITERS.filter((each) => each !== '\t').join(' ')} or "tab".`,
    );
  }
  return delimiter;
}

function summary(
  { tally, columns, ignored, isComplete, isResumed, seconds, rejectedPath }: ImportResult,
  { dryRun }: Flags,
): object {
  const { joined, apart, ...outcomes } = tally;
  return {
    rows: rowsOf(tally),
    ...outcomes,
    joined,
    apart,
    columns,
    ignored,
    rejectedFile: tally.rejected > 0 ? rejectedPath : null,
    isDryRun: dryRun ?? false,
    isComplete,
    isResumed,
    seconds: Math.round(seconds * 1000) / 1000,
  };
}

function describe(result: ImportResult, { dryRun }: Flags): string {
  const { tally, columns, ignored, isComplete, isResumed, seconds, rejectedPath } = result;
  const would = dryRun ? 'would be ' : '';
  const lines = [
    `${isComplete ? (dryRun ? 'Dry run' : 'Imported') : 'Stopped'}: ${number(rowsOf(tally))} rows in ${duration(seconds)}${isResumed ? ', with those of earlier runs' : ''}`,
    `  ${number(tally.created)} ${would}created (new identities)`,
    `  ${number(tally.linked)} ${would}linked (new contacts of known identities)`,
    `  ${number(tally.merged)} ${would}merged (two identities became one)`,
    `  ${number(tally.unchanged)} unchanged (nothing new)`,
    `  ${number(tally.rejected)} rejected${tally.rejected > 0 ? `, see ${rejectedPath}` : ''}`,
    ...(columns === null ? [] : [`  columns: ${describeColumns(columns)}`]),
    ...(ignored.length > 0 ? [`  not taken: ${ignored.map((name) => JSON.stringify(name)).join(', ')}`] : []),
    ...(tally.joined > 0 ? [`  ${number(tally.joined)} further merges by the column of the identity`] : []),
    ...(tally.apart > 0
      ? [
          `  ${number(tally.apart)} rows could not be joined with their identity: they share no identifier with it`,
        ]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** So that one that was not recognised is noticed. */
function describeColumns({
  email,
  phone,
  createdAt,
  identity,
}: NonNullable<ImportResult['columns']>): string {
  const taken = { email, 'phone number': phone, date: createdAt, ...(identity !== null && { identity }) };
  return Object.entries(taken)
    .map(([what, name]) => (name === null ? `no ${what}` : `${what} "${name}"`))
    .join(', ');
}

function howToResume(path: string, { dryRun }: Flags): string {
  if (dryRun) {
    return 'Nothing was written.\n';
  }
  return path === '-'
    ? 'To go on, send the whole input again: what is in the database already is not written twice.\n'
    : 'To go on from here, give the same command again.\n';
}

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { openService } from '../open-service.js';
import type { Settings } from '../../config/settings.js';
import { holdSocket, temporarySocket } from '../../database/embedded/socket-lock.js';
import type { SqlSession } from '../../database/session/sql-session.js';
import { Checkpoint, type Progress } from './checkpoint.js';
import type { Choice, Role } from './columns.js';
import { DryRun, readOnly } from './dry-run.js';
import { ImportError } from './import.error.js';
import { Importer } from './importer.js';
import type { Encoding, Format } from './format.js';
import { openInput, type Input } from './input.js';
import { createJudge, type Judge } from './judge.js';
import { showProgress, type Screen } from './progress.js';
import { RejectedFile } from './rejected-file.js';
import { RowReader } from './row-reader.js';
import { emptyTally, type Tally } from './tally.js';

export interface ImportOptions {
  /** A file, or `-` for the standard input */
  readonly path: string;
  readonly format: Format;
  /** null: detected */
  readonly delimiter: string | null;
  /** null: detected */
  readonly encoding: Encoding | null;
  readonly columns: Choice;
  readonly batchSize: number;
  /** null: beside the input */
  readonly rejectedPath: string | null;
  /** null: beside the input; of the standard input there is none */
  readonly checkpointPath: string | null;
  readonly isRestart: boolean;
  readonly isDryRun: boolean;
  /** Name of a tenant; null: the only one there is */
  readonly tenant: string | null;
  readonly retryForMs: number;
  /** Where progress is shown; null: nowhere */
  readonly progress: Screen | null;
  readonly stop: AbortSignal;
}

export interface ImportResult {
  /** Where the rejected rows are, if there are any */
  readonly rejectedPath: string;
  /** The header of what each holds, null: nothing does; null as a whole: each object of NDJSON has its own */
  readonly columns: Readonly<Record<Role, string | null>> | null;
  /** Properties of NDJSON that this run did not take, the first of them; of CSV none */
  readonly ignored: readonly string[];
  /** Of all runs, if it was resumed */
  readonly tally: Tally;
  /** Whether every row was taken or rejected; false: it was stopped on the way */
  readonly isComplete: boolean;
  readonly isResumed: boolean;
  /** Of this run */
  readonly seconds: number;
}

/** Connections: one for the batch under way, one to spare; a dry run has one, which its temporary tables are on. */
const CONNECTIONS = 2;

/**
 * Imports a file: opens everything, goes on where an earlier import of it was stopped, and closes everything. What is
 * wrong with the file or its checkpoint is told before the database is opened.
 *
 * @throws {ImportError} if it can't begin or not go on; what is committed by then stays, and the checkpoint with it
 */
export async function runImport(settings: Settings, options: ImportOptions): Promise<ImportResult> {
  const { path, isDryRun } = options;
  const rejectedPath = options.rejectedPath ?? `${path === '-' ? 'stdin' : path}.rejected.csv`;
  if (resolve(rejectedPath) === resolve(path)) {
    throw new ImportError('The rejected rows would replace the input: give another file for --rejected.');
  }
  const startedAt = performance.now();
  let judge: Judge | null = null;
  const input = await openInput(path, options.encoding);
  await using reader = await RowReader.open(input.text(), {
    format: options.format,
    delimiter: options.delimiter,
    columns: options.columns,
    judge: (given) => judge!(given),
  });
  const checkpoint = checkpointOf(settings, { ...options, rejectedPath }, input);
  await using held = new AsyncDisposableStack();
  await hold(held, [rejectedPath, ...(checkpoint === null ? [] : [checkpoint.path])]);
  const saved = await resume(options, checkpoint);
  await using service = await openService(
    isDryRun ? { ...settings, databaseUrl: readOnly(settings.databaseUrl) } : settings,
    isDryRun ? 1 : CONNECTIONS,
    options.tenant,
  );
  judge = createJudge(settings, await clockOf(service.session));
  await using rejected = await RejectedFile.open(rejectedPath, reader.headers, saved?.rejectedBytes ?? 0);
  if (saved !== null) {
    reader.seek(saved.place);
  }
  const tally = { ...(saved?.tally ?? emptyTally()) };
  using shown = showProgress(options.progress, {
    tally,
    bytesRead: () => input.bytesRead(),
    size: input.file?.size ?? null,
  });
  const isComplete = await new Importer({
    reader,
    tenantId: service.tenantId,
    reconciliation: service.reconciliation,
    rejected,
    checkpoint: isDryRun ? null : checkpoint,
    dryRun: isDryRun ? await DryRun.start(service.session) : null,
    tally,
    batchSize: options.batchSize,
    patienceMs: options.retryForMs,
    onWait: (reason) => shown.say(`Waiting: ${reason}`),
    stop: options.stop,
  }).run();
  if (isComplete && !isDryRun) {
    await checkpoint?.remove();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    rejectedPath,
    columns: columnsOf(reader),
    ignored: [...reader.ignored],
    tally,
    isComplete,
    isResumed: saved !== null,
    seconds,
  };
}

function columnsOf({ headers, columns }: RowReader): ImportResult['columns'] {
  const name = (place: number | null): string | null => (place === null ? null : headers[place]!);
  return columns === null
    ? null
    : {
        email: name(columns.email),
        phone: name(columns.phone),
        createdAt: name(columns.createdAt),
        identity: name(columns.identity),
      };
}

/** Holds the files that an import keeps for this process: two at once would drop each other's rejected rows. */
async function hold(held: AsyncDisposableStack, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    // by user, since one can't remove what a killed process of another has left behind
    const release = await holdSocket(temporarySocket(`${process.getuid?.()} ${resolve(path)}`));
    if (release === null) {
      throw new ImportError(`Another import is at work on ${path}. Wait for its end, or name another file.`);
    }
    held.defer(release);
  }
}

function checkpointOf(settings: Settings, options: ImportOptions, { file }: Input): Checkpoint | null {
  if (file === null) {
    return null;
  }
  const { format, delimiter, encoding, columns, rejectedPath } = options;
  const phoneRegion = settings.defaultPhoneRegion;
  return new Checkpoint(options.checkpointPath ?? `${options.path}.checkpoint.json`, {
    file,
    options: {
      format,
      delimiter,
      encoding,
      columns: { ...columns },
      rejected: rejectedPath,
      phoneRegion,
      database: databaseOf(settings),
      tenant: options.tenant,
    },
  });
}

/** Tells one database from another without giving away how to get in. */
function databaseOf({ databaseUrl, dataDir }: Settings): string {
  const url = databaseUrl === null ? null : new URL(databaseUrl);
  const name = url === null ? dataDir : `${url.host}${url.pathname}`;
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

async function resume(
  { isDryRun, isRestart, rejectedPath }: ImportOptions,
  checkpoint: Checkpoint | null,
): Promise<Progress | null> {
  if (checkpoint === null) {
    return null;
  }
  if (isDryRun) {
    if (rejectedPath === null && (await checkpoint.exists())) {
      throw new ImportError(
        'An import of this file was stopped on its way, and its rejected rows are kept beside the file. Give the dry run a file of its own with --rejected.',
      );
    }
    return null;
  }
  if (isRestart) {
    await checkpoint.remove();
  }
  return checkpoint.load();
}

/** The time by the clock of the database, in µs since 1970: the clock that contacts without a date are stamped by. */
async function clockOf(session: SqlSession): Promise<() => number> {
  const [row] = await session.query(
    [
      {
        name: 'import_clock',
        text: 'select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now',
      },
    ],
    null,
  );
  const lead = Number(row!.now) - performance.now() * 1000;
  return () => performance.now() * 1000 + lead;
}

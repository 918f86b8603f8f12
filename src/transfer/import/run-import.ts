import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { holdSocket, temporarySocket } from '../../database/embedded/socket-lock.js';
import type { SqlSession } from '../../database/session/sql-session.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import { CLOCK } from '../../identity/store/contact.statements.js';
import { TransferError, type FileFormat, type StandardStreams } from '../files.js';
import { openService, type OpenService } from '../open-service.js';
import { Checkpoint, type Progress } from './checkpoint.js';
import type { ColumnChoice } from './columns.js';
import { DryRun, forDryRun } from './dry-run.js';
import { Importer } from './importer.js';
import { createJudge, type OnBadField } from './judge.js';
import { NationalNumbers } from './national-numbers.js';
import { DateParser, type DateStyle } from './parse-date.js';
import { showProgress, type Screen } from './progress.js';
import { isStandardInput, openInput, type Input } from './records/input.js';
import { isAsWritten, RejectedFile, unusedPath } from './rejected-file.js';
import { passingTroubleOf, retry } from './retry.js';
import { RowReader } from './row-reader.js';
import {
  lastStored,
  sharedValues,
  writeSharedValues,
  type Before,
  type SharedValue,
} from './shared-values.js';
import { Statistics } from './statistics.js';
import { emptyTally, rowsOf, type ImportResult } from './summary.js';

export interface ImportOptions {
  /** A file, or `-` for the standard input */
  readonly path: string;
  readonly streams: StandardStreams;
  readonly format: FileFormat;
  /** null: detected */
  readonly delimiter: string | null;
  /** Lines before the header of CSV */
  readonly skipLines: number;
  /** null: detected */
  readonly encoding: string | null;
  readonly columns: ColumnChoice;
  readonly dates: DateStyle;
  readonly onBadField: OnBadField;
  readonly batchSize: number;
  /** null: next to the input */
  readonly rejectedPath: string | null;
  /** null: next to the input. The standard input has none. */
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

/** One connection for the batch being written, one for the next. A dry run has one, which holds its temporary tables. */
const CONNECTIONS = 2;

/**
 * Imports a file: opens everything, resumes where an earlier import of the file was stopped, and closes everything.
 * Errors in the file or its checkpoint are found before the database is opened, but for columns that are not clear: the kinds of the
 * tenant decide on these.
 *
 * @throws {TransferError} if it can't start or can't continue. What is committed stays, and so does the checkpoint.
 */
export async function runImport(settings: Settings, options: ImportOptions): Promise<ImportResult> {
  const { path, isDryRun } = options;
  const startedAt = performance.now();
  const input = await openInput(path, options.streams, options.encoding, options.stop);
  const wantedPath = options.rejectedPath ?? defaultRejectedPath(path, input, isDryRun);
  if (resolve(wantedPath) === resolve(path)) {
    throw new TransferError('The rejected rows would replace the input. Give another file for --rejected.');
  }
  await using reader = await RowReader.open(input.text(), {
    format: options.format,
    delimiter: options.delimiter,
    skipLines: options.skipLines,
  });
  const checkpoint = checkpointOf(settings, { ...options, rejectedPath: wantedPath }, input);
  await using held = new AsyncDisposableStack();
  await hold(held, [wantedPath, ...(checkpoint === null || isDryRun ? [] : [checkpoint.path])]);
  const saved = await resume(options, checkpoint);
  await using service = await retry(
    () => openService(isDryRun ? forDryRun(settings) : settings, isDryRun ? 1 : CONNECTIONS, options.tenant),
    passingTroubleOf,
    { ...options, onWait: (reason) => options.progress?.write(`Waiting: ${reason}\n`) },
  );
  const dates = new DateParser(options.dates);
  const { kinds } = await service.policies.of(service.tenantId);
  await reader.findColumns({
    columns: options.columns,
    kinds,
    judge: createJudge(settings, dates, await clockOf(service.session), kinds, options.onBadField),
    onBadField: options.onBadField,
  });
  const { path: rejectedPath, length } = await rejectedFileOf(saved, wantedPath);
  await using rejected = await RejectedFile.open(rejectedPath, {
    headers: reader.headers,
    namesColumns: true,
    length,
  });
  // a checkpoint of an earlier version may lack a count
  const tally = { ...emptyTally(), ...saved?.tally };
  using shown = showProgress(options.progress, {
    rows: () => rowsOf(tally),
    outcomes: () => {
      const { created, linked, merged, unchanged, rejected: refused } = tally;
      return { created, linked, merged, unchanged, rejected: refused };
    },
    bytesRead: () => input.bytesRead(),
    size: input.file?.size ?? null,
  });
  const before = saved?.before ?? (await lastStored(service.session, service.tenantId));
  const dryRun = isDryRun ? await DryRun.start(service.session, kinds) : null;
  const nationalNumbers =
    isDryRun && settings.defaultPhoneRegion === null ? new NationalNumbers(kinds) : null;
  const importer = new Importer({
    reader,
    tenantId: service.tenantId,
    reconciliation: service.reconciliation,
    rejected,
    checkpoint: isDryRun ? null : checkpoint,
    dryRun,
    nationalNumbers,
    statistics: await Statistics.of(service.session),
    before,
    tally,
    batchSize: options.batchSize,
    retryForMs: options.retryForMs,
    onWait: (reason) => shown.say(`Waiting: ${reason}`),
    stop: options.stop,
  });
  if (saved !== null) {
    await importer.resumeAt(saved.place);
  }
  const isComplete = await importer.run();
  if (isComplete && !isDryRun) {
    await checkpoint?.remove();
  }
  const shared = isComplete ? await sharedSince(before, service, options) : [];
  const sharedPath = await unusedPath(sharedPathOf(wantedPath));
  if (shared.length > 0) {
    await writeSharedValues(sharedPath, shared);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    rejectedPath,
    columns: reader.columns === null ? null : columnsOf(reader, kinds),
    taken: reader.taken,
    notTaken: reader.notTaken,
    looksLike: reader.looksLike,
    suspiciousDates: dates.suspicious,
    shared,
    sharedPath,
    missingRegion: nationalNumbers?.found() ?? null,
    headerLine: reader.lineAfterTitles,
    strayQuotes: reader.strayQuotes,
    apart: importer.apart,
    tally,
    isDryRun,
    isComplete,
    isResumable: checkpoint !== null,
    isResumed: saved !== null,
    seconds,
  };
}

/** Next to a file; the rejected rows of a pipe or the standard input go to the working folder. */
export function defaultRejectedPath(path: string, { file }: Input, isDryRun: boolean): string {
  const name = isStandardInput(path) ? 'stdin' : file === null ? basename(path) : path;
  return `${name}${isDryRun ? '.dry-run' : ''}.rejected.csv`;
}

/**
 * The file that rejected rows go to, and how much of it stays. If people have corrected what a stopped import wrote, it is
 * another one.
 */
async function rejectedFileOf(
  saved: Progress | null,
  wantedPath: string,
): Promise<{ readonly path: string; readonly length: number }> {
  const { rejectedPath: path = wantedPath, rejectedBytes: bytes, rejectedHash: hash } = saved ?? NOTHING_YET;
  return (await isAsWritten({ path, bytes, hash }))
    ? { path, length: bytes }
    : { path: await unusedPath(wantedPath), length: 0 };
}

const NOTHING_YET: Pick<Progress, 'rejectedBytes' | 'rejectedPath' | 'rejectedHash'> = { rejectedBytes: 0 };

/** Beside the file of rejected rows. */
function sharedPathOf(rejectedPath: string): string {
  return rejectedPath.replace(/(?:\.rejected)?(\.[^./]*)?$/, '.shared$1');
}

/** The values that many people share since the import. By now another process may have declared a kind. */
async function sharedSince(
  before: Before,
  { session, policies, tenantId }: OpenService,
  options: ImportOptions,
): Promise<readonly SharedValue[]> {
  const read = async (): Promise<SharedValue[]> =>
    sharedValues(session, tenantId, before, (await policies.refresh(tenantId)).kinds);
  // The temporary tables of a dry run are lost with its connection.
  return options.isDryRun ? read() : retry(read, passingTroubleOf, { ...options, onWait: () => undefined });
}

/** The first column of each. */
function columnsOf({ taken }: RowReader, { further }: Kinds): ImportResult['columns'] {
  const first = (holds: string): string | null => taken.get(holds)?.[0] ?? null;
  const usable = further.filter(({ isRetired }) => !isRetired);
  return {
    email: first('email'),
    phone: first('phoneNumber'),
    createdAt: first('createdAt'),
    identity: first('identity'),
    ...(usable.length > 0 && {
      identifiers: Object.fromEntries(usable.map(({ name }) => [name, first(name)])),
    }),
  };
}

/** Reserves the files that an import writes for this process: two at once would drop each other's rejected rows. */
export async function hold(held: AsyncDisposableStack, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    // by user: one user can't remove what a killed process of another has left
    const release = await holdSocket(temporarySocket(`${process.getuid?.()} ${resolve(path)}`));
    if (release === null) {
      throw new TransferError(`Another import is using ${path}. Wait until it ends, or name another file.`);
    }
    held.defer(release);
  }
}

function checkpointOf(settings: Settings, options: ImportOptions, { file }: Input): Checkpoint | null {
  if (file === null) {
    return null;
  }
  const { format, delimiter, skipLines, encoding, columns, dates, onBadField, rejectedPath } = options;
  const { defaultPhoneRegion: phoneRegion, emailRules } = settings;
  return new Checkpoint(options.checkpointPath ?? `${options.path}.checkpoint.json`, {
    file,
    options: {
      format,
      delimiter,
      skipLines,
      encoding,
      columns: { ...columns },
      dates: { ...dates },
      onBadField,
      rejected: rejectedPath,
      phoneRegion,
      emailRules,
      database: databaseOf(settings),
      tenant: options.tenant,
    },
  });
}

/** Tells one database from another and contains no secret. */
function databaseOf({ databaseUrl, dataDir }: Settings): string {
  const url = databaseUrl === null ? null : new URL(databaseUrl);
  const name = url === null ? dataDir : `${url.host}${url.pathname}`;
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

async function resume(
  { isDryRun, isRestart }: ImportOptions,
  checkpoint: Checkpoint | null,
): Promise<Progress | null> {
  if (checkpoint === null || isDryRun) {
    return null;
  }
  if (isRestart) {
    await checkpoint.remove();
  }
  return checkpoint.load();
}

/** The time of the database, in µs since 1970. Contacts without a date get theirs from the same clock. */
async function clockOf(session: SqlSession): Promise<() => number> {
  const [row] = await session.query([CLOCK], null);
  const lead = Number(row!.now) - performance.now() * 1000;
  return () => performance.now() * 1000 + lead;
}

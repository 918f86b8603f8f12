import { resolve } from 'node:path';
import type { Settings } from '../../config/settings.js';
import type { ChangeCall } from '../../identity/change-writer.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import { AlreadyLinkedError } from '../../identity/identity.errors.js';
import { TransferError, type FileFormat, type StandardStreams } from '../files.js';
import { showProgress, type Screen } from '../import/progress.js';
import { openInput } from '../import/records/input.js';
import type { TextRecord } from '../import/records/record.js';
import { RejectedFile, unusedPath, type RejectedRow } from '../import/rejected-file.js';
import { passingTroubleOf, retry } from '../import/retry.js';
import { recordsOf } from '../import/row-reader.js';
import { defaultRejectedPath, hold } from '../import/run-import.js';
import { counted, inDigits, inTime } from '../amounts.js';
import { openService } from '../open-service.js';
import { placesOf, ruleRowOf, type RulePlaces, type RuleRow } from './rule-rows.js';

export interface RuleImportOptions {
  /** A file, or `-` for the standard input */
  readonly path: string;
  readonly streams: StandardStreams;
  readonly format: FileFormat;
  /** null: detected */
  readonly delimiter: string | null;
  /** null: detected */
  readonly encoding: string | null;
  /** Of rules that have none in the file */
  readonly reason: string;
  readonly actor: string;
  /** null: next to the input */
  readonly rejectedPath: string | null;
  readonly isDryRun: boolean;
  /** Name of a tenant; null: the only one there is */
  readonly tenant: string | null;
  readonly retryForMs: number;
  /** Where progress is shown; null: nowhere */
  readonly progress: Screen | null;
  readonly stop: AbortSignal;
}

/** How many rows had which outcome: `linked` ones can't be kept apart, since they are one identity. */
export type RuleTally = Record<'made' | 'existing' | 'linked' | 'rejected', number>;

export interface RuleImportResult {
  readonly tally: RuleTally;
  /** Where the rows are that were rejected or linked, if there are any */
  readonly rejectedPath: string;
  readonly isDryRun: boolean;
  /** Whether every row was read; false: the import was stopped before the end */
  readonly isComplete: boolean;
  readonly seconds: number;
}

/** Rules that are made at once, each in a transaction of its own. */
const AT_ONCE = 4;
const LINKED = 'both identifiers are in one identity';

/**
 * Makes the rules of a file. A rule that is there already is none that can't be made, so an import may be repeated.
 *
 * @throws {TransferError} if it can't start or can't continue. The rules that are made stay.
 */
export async function importRules(settings: Settings, options: RuleImportOptions): Promise<RuleImportResult> {
  const { path, format, isDryRun, stop } = options;
  const startedAt = performance.now();
  const input = await openInput(path, options.streams, options.encoding, stop);
  const wantedPath = options.rejectedPath ?? defaultRejectedPath(path, input, isDryRun);
  if (resolve(wantedPath) === resolve(path)) {
    throw new TransferError('The rejected rows would replace the input. Give another file for --rejected.');
  }
  const records = recordsOf(input.text(), { format, delimiter: options.delimiter, skipLines: 0 });
  await using closing = new AsyncDisposableStack();
  // an open pipe would keep the process alive
  closing.defer(() => void records.return(undefined));
  const headers = format === 'csv' ? await headersOf(records) : [];
  const places = format === 'csv' ? placesOf(headers) : null;
  await hold(closing, [wantedPath]);
  const waiting = { ...options, onWait: (reason: string) => shown.say(`Waiting: ${reason}`) };
  const tally: RuleTally = { made: 0, existing: 0, linked: 0, rejected: 0 };
  using shown = showProgress(options.progress, {
    rows: () => rowsOf(tally),
    outcomes: () => tally,
    bytesRead: () => input.bytesRead(),
    size: input.file?.size ?? null,
  });
  await using service = await retry(
    () => openService(settings, AT_ONCE, options.tenant),
    passingTroubleOf,
    waiting,
  );
  const { kinds } = await service.policies.of(service.tenantId);
  const rejectedPath = await unusedPath(wantedPath);
  await using rejected = await RejectedFile.open(rejectedPath, { headers, namesColumns: false, length: 0 });
  const call: ChangeCall = {
    tenantId: service.tenantId,
    actor: options.actor,
    isDryRun,
    ifMatch: null,
    route: 'rules import',
    idempotencyKey: null,
  };
  const make = async ({ rule }: RuleRow): Promise<keyof RuleTally> => {
    if (rule === null) {
      return 'rejected';
    }
    try {
      // Safe to repeat: a rule that was made is there already.
      const { isChanged } = await retry(
        () => service.changes.makeRule(call, rule),
        passingTroubleOf,
        waiting,
      );
      return isChanged ? 'made' : 'existing';
    } catch (error) {
      if (error instanceof AlreadyLinkedError) {
        return 'linked';
      }
      throw error;
    }
  };
  const next = (): Promise<RuleRow[] | null> =>
    nextRows(records, places, options.reason, settings, kinds).catch((error: unknown) => {
      // a pipe that is not read any further
      if (stop.aborted) {
        return null;
      }
      throw error;
    });
  for (let rows = await next(); rows !== null && !stop.aborted; rows = await next()) {
    const outcomes = await Promise.all(rows.map(make));
    outcomes.forEach((outcome) => tally[outcome]++);
    await rejected.add(rows.flatMap((row, i) => refusedRow(row, outcomes[i]!)));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { tally, rejectedPath, isDryRun, isComplete: !stop.aborted, seconds };
}

async function headersOf(records: AsyncGenerator<TextRecord>): Promise<readonly string[]> {
  const { value, done } = await records.next();
  if (done === true) {
    throw new TransferError('The input is empty.');
  }
  return value.fields;
}

/** The next rows to be made at once; null: there are no more. */
async function nextRows(
  records: AsyncGenerator<TextRecord>,
  places: RulePlaces | null,
  reason: string,
  settings: Settings,
  kinds: Kinds,
): Promise<RuleRow[] | null> {
  const rows: RuleRow[] = [];
  while (rows.length < AT_ONCE) {
    const { value, done } = await records.next();
    if (done === true) {
      return rows.length === 0 ? null : rows;
    }
    rows.push(ruleRowOf(value, places, reason, settings, kinds));
  }
  return rows;
}

/** What the file of rejected rows tells of a row. */
function refusedRow({ line, fields, reason: own }: RuleRow, outcome: keyof RuleTally): RejectedRow[] {
  const reason = outcome === 'linked' ? LINKED : own;
  return reason === null ? [] : [{ line, fields, faults: [{ column: null, reason }] }];
}

function rowsOf(tally: RuleTally): number {
  return Object.values(tally).reduce((sum, count) => sum + count, 0);
}

/** The summary for people. */
export function ruleSummaryText({
  tally,
  rejectedPath,
  isDryRun,
  isComplete,
  seconds,
}: RuleImportResult): string {
  const title = isComplete ? (isDryRun ? 'Dry run' : 'Imported') : 'Stopped';
  const see = `, see ${rejectedPath}`;
  const lines = [
    `${title}: ${counted(rowsOf(tally), 'row')} in ${inTime(seconds)}`,
    `  ${counted(tally.made, 'rule')} ${isDryRun ? 'would be made' : 'made'}`,
    `  ${inDigits(tally.existing)} were there already`,
    `  ${inDigits(tally.linked)} can't be kept apart: they are one identity${tally.linked > 0 ? see : ''}`,
    `  ${inDigits(tally.rejected)} rejected${tally.rejected > 0 ? see : ''}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The summary for programs. */
export function ruleSummaryJson(result: RuleImportResult): string {
  const { tally, rejectedPath, isDryRun, isComplete, seconds } = result;
  const rejectedFile = tally.rejected + tally.linked > 0 ? rejectedPath : null;
  const rounded = Math.round(seconds * 1000) / 1000;
  return `${JSON.stringify({ rows: rowsOf(tally), ...tally, rejectedFile, isDryRun, isComplete, seconds: rounded })}\n`;
}

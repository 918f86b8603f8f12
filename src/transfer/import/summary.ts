import type { Outcome } from '../../identity/domain/batch.js';
import type { IGNORED_REASONS } from '../../identity/domain/contact.js';
import { counted, inDigits, inTime } from '../amounts.js';
import type { ColumnRole } from './columns.js';
import type { MissingRegion } from './national-numbers.js';
import type { ApartReason, ApartRow } from './row-effect.js';
import type { LooksLike } from './row-reader.js';
import { SHARED_BY, sharersOf, type SharedValue } from './shared-values.js';

type Reason = (typeof IGNORED_REASONS)[number];

/** A shared value is named on the screen if more people than this share it. */
const NAMED_FROM = 20;
const NAMED_MAX = 20;
/** Rows that could not be joined and that people are told of; the summary for programs has more of them. */
const APART_NAMED = 50;

/**
 * How many rows had which outcome so far. `joined` and `apart` count what the column of the identity did; `withheld` the rows
 * without an identifier that policy left out, and `incomplete` those without a field that is not valid, whatever their outcome.
 */
export interface Tally extends Record<
  Outcome | 'rejected' | 'joined' | 'apart' | 'withheld' | 'incomplete',
  number
> {
  /** Of the rows that `withheld` counts: why. A row may count for several reasons. */
  readonly ignored: Record<Reason, number>;
  /** The fields that rows were taken without because they are not valid, by column. */
  readonly dropped: Record<string, number>;
}

export function emptyTally(): Tally {
  return {
    created: 0,
    linked: 0,
    merged: 0,
    dated: 0,
    unchanged: 0,
    blocked: 0,
    rejected: 0,
    joined: 0,
    apart: 0,
    withheld: 0,
    incomplete: 0,
    ignored: { blocked: 0, 'do-not-link': 0, limit: 0 },
    dropped: {},
  };
}

export function rowsOf({ created, linked, merged, dated, unchanged, blocked, rejected }: Tally): number {
  return created + linked + merged + dated + unchanged + blocked + rejected;
}

/** Whether nothing of the input was left out because it is not valid. */
export function isWhole({ rejected, incomplete }: Tally): boolean {
  return rejected === 0 && incomplete === 0;
}

/** The result of an import. */
export interface ImportResult {
  /** Where the rejected rows are, if there are any */
  readonly rejectedPath: string;
  /** The first column of each, null: there is none; null as a whole: NDJSON, where each object has its own */
  readonly columns:
    | (Readonly<Record<ColumnRole, string | null>> & {
        /** By kind; absent: the tenant has declared none. */
        readonly identifiers?: Readonly<Record<string, string | null>>;
      })
    | null;
  /** All columns and properties that were read, by what they hold: `email`, `phoneNumber`, `createdAt`, `identity`, or another kind */
  readonly taken: ReadonlyMap<string, readonly string[]>;
  /** Of those that were not read, what looks like emails or phone numbers */
  readonly looksLike: LooksLike;
  /** Columns that look like contact data, and properties of NDJSON, that were not read; the first of them */
  readonly notTaken: readonly string[];
  /** Dates of this run that are 1970-01-01 or 1900-01-01, which most programs write for "no date" */
  readonly suspiciousDates: number;
  /** Values that many people share, the most common ones first; empty if it was stopped */
  readonly shared: readonly SharedValue[];
  /** Where they are, if there are any */
  readonly sharedPath: string;
  /** What a dry run without a region found, see `NationalNumbers`; otherwise null */
  readonly missingRegion: MissingRegion | null;
  /** The line of the header if titles come before it, which are not read; otherwise null */
  readonly headerLine: number | null;
  /** Records of this run whose quoted field seems to take in further rows, by their lines; the first of them */
  readonly strayQuotes: readonly { readonly line: number; readonly endLine: number }[];
  /** Rows of this run that could not be joined with those of the same person; the first of them */
  readonly apart: readonly ApartRow[];
  /** Of all runs, if the import was resumed */
  readonly tally: Tally;
  readonly isDryRun: boolean;
  /** Whether every row was imported or rejected; false: the import was stopped before the end */
  readonly isComplete: boolean;
  /** Whether the same command continues it where it was stopped; false: its input can't be read again */
  readonly isResumable: boolean;
  readonly isResumed: boolean;
  /** Duration of this run */
  readonly seconds: number;
}

/** The summary for people. */
export function summaryText(result: ImportResult): string {
  const {
    tally,
    columns,
    notTaken,
    suspiciousDates,
    isDryRun,
    isComplete,
    isResumed,
    seconds,
    rejectedPath,
  } = result;
  const would = isDryRun ? 'would be ' : '';
  const title = isComplete ? (isDryRun ? 'Dry run' : 'Imported') : 'Stopped';
  const lines = [
    `${title}: ${counted(rowsOf(tally), 'row')} in ${inTime(seconds)}${isResumed ? ', including earlier runs' : ''}`,
    `  ${inDigits(tally.created)} ${would}created (new identities)`,
    `  ${inDigits(tally.linked)} ${would}linked (new contacts of known identities)`,
    `  ${inDigits(tally.merged)} ${would}merged (two identities became one)`,
    ...(tally.dated > 0
      ? [`  ${inDigits(tally.dated)} ${would}dated (nothing new but an earlier date of a known contact)`]
      : []),
    `  ${inDigits(tally.unchanged)} unchanged (nothing new)`,
    ...(tally.blocked > 0
      ? [`  ${inDigits(tally.blocked)} blocked (all identifiers of the row may link nobody)`]
      : []),
    `  ${inDigits(tally.rejected)} rejected${tally.rejected > 0 ? `, see ${rejectedPath}` : ''}`,
    ...(tally.incomplete > 0
      ? [
          `  ${inDigits(tally.incomplete)} ${would}taken without a bad field (${describeDropped(tally.dropped)}), see ${rejectedPath}`,
        ]
      : []),
    ...(tally.withheld > 0
      ? [
          `  ${inDigits(tally.withheld)} ${would}taken without an identifier: ${describeIgnored(tally.ignored)}`,
        ]
      : []),
    ...describeTaken(columns, result.taken),
    ...describeNotTaken(notTaken, result.looksLike),
    ...((result.taken.get('createdAt') ?? []).length === 0 && rowsOf(tally) > 0
      ? [
          '  NO DATES: every new contact is dated now. Name the column with --created-at-column if there is one.',
        ]
      : []),
    ...(suspiciousDates > 0
      ? [
          `  ${counted(suspiciousDates, 'date is', 'dates are')} 1970-01-01 or 1900-01-01, which often means "no date"`,
        ]
      : []),
    ...describeShared(result),
    ...(result.missingRegion === null ? [] : [`  ${describeMissingRegion(result.missingRegion)}`]),
    ...(result.headerLine === null
      ? []
      : [`  the header is line ${result.headerLine}; what comes before it was not read`]),
    ...result.strayQuotes.map(
      ({ line, endLine }) =>
        `  LINE ${line}: a quoted field takes in the lines up to ${endLine}, which look like rows. Is a quote missing or too many?`,
    ),
    ...(tally.joined > 0 ? [`  ${counted(tally.joined, 'more merge')} because of the identity column`] : []),
    ...describeApart(tally.apart, result.apart),
  ];
  return `${lines.join('\n')}\n`;
}

/** The summary for programs. */
export function summaryJson(result: ImportResult): string {
  const { tally } = result;
  const { joined, apart, withheld, incomplete, dropped, ignored, ...outcomes } = tally;
  return `${JSON.stringify({
    rows: rowsOf(tally),
    ...outcomes,
    joined,
    apart,
    incomplete,
    dropped,
    withheld,
    ignored,
    columns: result.columns,
    taken: Object.fromEntries([...result.taken].filter(([, names]) => names.length > 0)),
    notTaken: result.notTaken,
    looksLike: result.looksLike,
    suspiciousDates: result.suspiciousDates,
    sharedValues: result.shared.length,
    commonValues: namedOf(result.shared),
    sharedFile: result.shared.length > 0 ? result.sharedPath : null,
    missingRegion: result.missingRegion,
    headerLine: result.headerLine,
    strayQuotes: result.strayQuotes,
    apartRows: result.apart,
    rejectedFile: isWhole(tally) ? null : result.rejectedPath,
    isDryRun: result.isDryRun,
    isComplete: result.isComplete,
    isResumed: result.isResumed,
    seconds: Math.round(result.seconds * 1000) / 1000,
  })}\n`;
}

/** Regions that are named if the numbers do not tell. */
const REGIONS_NAMED = 3;

const WHY_IGNORED: Readonly<Record<Reason, string>> = {
  blocked: 'blocked',
  'do-not-link': 'kept apart by a rule',
  limit: 'beyond a limit',
};

function describeIgnored(ignored: Tally['ignored']): string {
  return (Object.keys(WHY_IGNORED) as Reason[])
    .filter((reason) => ignored[reason] > 0)
    .map((reason) => `${inDigits(ignored[reason])} ${WHY_IGNORED[reason]}`)
    .join(', ');
}

function describeDropped(dropped: Tally['dropped']): string {
  return Object.entries(dropped)
    .map(([column, count]) => `${inDigits(count)} in ${JSON.stringify(column)}`)
    .join(', ');
}

const WHY_APART: Readonly<Record<ApartReason, string>> = {
  'do-not-link': 'a rule keeps them apart',
  limit: 'the identity would grow beyond a limit',
  gone: 'nobody has the identifiers of that line any more',
};

function describeApart(count: number, rows: readonly ApartRow[]): string[] {
  if (count === 0) {
    return [];
  }
  const named = rows.slice(0, APART_NAMED);
  return [
    `  NOT JOINED: ${inDigits(count)} rows of one person are more than one identity now`,
    ...named.map(({ line, from, reason }) =>
      from === line
        ? `    line ${line}, its own values: ${WHY_APART[reason]}`
        : `    line ${line} with line ${from}: ${WHY_APART[reason]}`,
    ),
    ...(count > named.length ? [`    and ${inDigits(count - named.length)} more`] : []),
  ];
}

function describeShared({ shared, sharedPath, isDryRun }: ImportResult): string[] {
  if (shared.length === 0) {
    return [];
  }
  const would = isDryRun ? 'would be' : 'are';
  return [
    `  SHARED VALUES: ${inDigits(shared.length)} ${would} shared by more than ${SHARED_BY} people, see ${sharedPath}. Block those that nobody owns${isDryRun ? ' before you import' : ''}.`,
    ...namedOf(shared).map(
      ({ kind, value, contacts, merges }) =>
        `    ${kind} ${value}: ${counted(contacts, 'contact')}${merges > 0 ? `, ${counted(merges, 'merge')}` : ''}`,
    ),
  ];
}

/** The most common ones: hardly ever does a family or an office share these. */
function namedOf(shared: readonly SharedValue[]): readonly SharedValue[] {
  return shared.filter((value) => sharersOf(value) > NAMED_FROM).slice(0, NAMED_MAX);
}

function describeMissingRegion({ nationalNumbers, international, regions }: MissingRegion): string {
  const named = regions.slice(0, REGIONS_NAMED).map((region) => `DEFAULT_PHONE_REGION=${region}`);
  const others = regions.length > REGIONS_NAMED ? ' and others' : '';
  const which =
    regions.length === 1 ? `with ${named[0]}` : `with a region, for example ${named.join(', ')}${others}`;
  return `NO REGION: ${counted(nationalNumbers, 'phone number keeps its', 'phone numbers keep their')} digits. ${inDigits(international)} of them would be international numbers ${which}. Set it before you import: later it takes \`identities renormalise\`.`;
}

/** Also says what was not found, so that a column with an unknown name is noticed. */
function describeTaken(columns: ImportResult['columns'], taken: ImportResult['taken']): string[] {
  const names = new Map(taken);
  Object.keys(columns?.identifiers ?? {}).forEach((kind) => names.set(kind, names.get(kind) ?? []));
  const described = [...names]
    .filter(([holds, found]) => holds !== 'identity' || found.length > 0)
    .toSorted(([one], [other]) => rankOf(one) - rankOf(other))
    .map(([holds, found]) => describeColumn(WHAT[holds] ?? holds, found));
  return described.length === 0
    ? []
    : [`  ${columns === null ? 'properties' : 'columns'}: ${described.join(', ')}`];
}

/** What columns hold, in the order in which it is told */
const WHAT: Readonly<Record<string, string>> = {
  email: 'email',
  phoneNumber: 'phone number',
  createdAt: 'date',
  identity: 'identity',
};

function rankOf(holds: string): number {
  const rank = Object.keys(WHAT).indexOf(holds);
  return rank === -1 ? Infinity : rank;
}

function describeColumn(what: string, names: readonly string[]): string {
  return names.length === 0 ? `no ${what}` : `${what} ${quoted(names, ' and ')}`;
}

function describeNotTaken(notTaken: readonly string[], { emails, phones }: LooksLike): string[] {
  const others = notTaken.filter((name) => !emails.includes(name) && !phones.includes(name));
  return [
    ...(emails.length > 0
      ? [`  NOT TAKEN, looks like emails: ${quoted(emails)}. Take them with --email-column.`]
      : []),
    ...(phones.length > 0
      ? [`  NOT TAKEN, looks like phones: ${quoted(phones)}. Take them with --phone-column.`]
      : []),
    ...(others.length > 0 ? [`  not taken: ${quoted(others)}`] : []),
  ];
}

function quoted(names: readonly string[], between = ', '): string {
  return names.map((name) => JSON.stringify(name)).join(between);
}

import type { Settings } from '../../config/settings.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import { readRule, type RuleBody } from '../../identity/api/dto/rule.request.js';
import { RuleDto } from '../../identity/api/dto/rule.dto.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import type { Rule } from '../../identity/domain/rules.js';
import { csvLine, guarded, unambiguous, unguarded } from '../csv.js';
import { TransferError, type FileFormat } from '../files.js';
import { Rejection, type TextRecord } from '../import/records/record.js';
import { parseObject } from '../import/row-maker.js';

/** The columns of a CSV file of rules. The last two are written and not read: a rule is dated when it is made. */
export const RULE_COLUMNS = ['kind', 'value', 'otherKind', 'otherValue', 'reason', 'createdAt', 'actor'];
const NEEDED = RULE_COLUMNS.slice(0, 4);

/** A rule of a file, or why it can't be made. */
export type RuleRow = { readonly line: number; readonly fields: readonly string[] } & (
  { readonly rule: RuleBody; readonly reason: null } | { readonly rule: null; readonly reason: string }
);

/** Where a CSV file has each of {@link RULE_COLUMNS}; -1: nowhere. */
export type RulePlaces = readonly number[];

/** @throws {TransferError} if a column is missing or there twice */
export function placesOf(headers: readonly string[]): RulePlaces {
  const names = headers.map((header) => unguarded(header).trim());
  const missing = NEEDED.filter((name) => names.filter((each) => each === name).length !== 1);
  if (missing.length > 0) {
    throw new TransferError(
      `The first line must name the columns ${NEEDED.join(', ')}, each once, and may name reason.`,
    );
  }
  return RULE_COLUMNS.map((name) => names.indexOf(name));
}

/**
 * Reads a record as a rule, by the rules of `POST /rules`.
 *
 * @param places null: NDJSON, whose lines are bodies of `POST /rules`
 * @param reason of rules that have none of their own
 */
export function ruleRowOf(
  record: TextRecord,
  places: RulePlaces | null,
  reason: string,
  settings: Settings,
  kinds: Kinds,
): RuleRow {
  const { line, fields, fault } = record;
  try {
    if (fault !== null) {
      throw new Rejection(fault);
    }
    const given = places === null ? fromObject(fields[0]!) : fromFields(fields, places);
    const own = typeof given.reason === 'string' && given.reason.trim() === '' ? undefined : given.reason;
    // An exported rule has more properties than a request may have.
    const lenient = { ...settings, unknownProperties: 'ignore' } as const;
    const rule = readRule({ identifiers: given.identifiers, reason: own ?? reason }, lenient, kinds);
    return { line, fields, rule, reason: null };
  } catch (error) {
    return { line, fields, rule: null, reason: reasonOf(error) };
  }
}

/** Why a row is rejected. @throws the error, if it is none that a row can have */
function reasonOf(error: unknown): string {
  if (error instanceof InvalidRequestError) {
    return [...new Set(error.errors.map(({ message }) => message))].join('; ');
  }
  if (error instanceof Rejection) {
    return error.message;
  }
  throw error;
}

/** @throws {Rejection} if some bytes were no text */
function decoded(value: string): string {
  if (value.includes('\uFFFD')) {
    throw new Rejection('some bytes were lost when the file was written (U+FFFD)');
  }
  return value;
}

interface Given {
  readonly identifiers: unknown;
  readonly reason?: unknown;
}

function fromObject(line: string): Given {
  const object = parseObject(line);
  if (object === null) {
    throw new Rejection('the line is no JSON object');
  }
  decoded(line);
  return { identifiers: object.identifiers, reason: object.reason };
}

function fromFields(fields: readonly string[], places: RulePlaces): Given {
  const [kind, value, otherKind, otherValue, reason] = places.map((place) =>
    decoded(unguarded(fields[place] ?? '')),
  );
  return {
    identifiers: [
      { kind, value },
      { kind: otherKind, value: otherValue },
    ],
    reason,
  };
}

/** A rule as a line of a file. */
export function ruleLine(rule: Rule, format: FileFormat, isExcelSafe: boolean): string {
  if (format === 'ndjson') {
    return `${JSON.stringify(new RuleDto(rule))}\n`;
  }
  const { identifiers, reason, createdAt, actor } = new RuleDto(rule);
  const [one, other] = identifiers;
  const field = (text: string): string => (isExcelSafe ? guarded(text) : unambiguous(text));
  return csvLine([
    one!.kind,
    field(one!.value),
    other!.kind,
    field(other!.value),
    reason === null ? null : field(reason),
    createdAt,
    field(actor),
  ]);
}

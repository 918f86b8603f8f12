import type { Row } from '../../database/session/sql-session.js';
import type { Contact, Held, Identifier, Sighting } from '../domain/contact.js';
import { IdentifierMap } from '../domain/identifier-map.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../domain/kinds.js';
import type { Pair } from '../domain/reviews.js';
import type { Rule } from '../domain/rules.js';

// In a row, emails and phone numbers have their own columns. The other kinds share one, a JSON object by the number of the
// kind. The key of a claim is the number of a kind and a value.

/** The identifiers of a row with the columns email, phone_number and identifiers, the strongest first. */
export function identifiersOf(kinds: Kinds, row: Row): Identifier[] {
  const email = row.email === null ? null : { kind: EMAIL.name, value: row.email as string };
  const phone =
    row.phone_number === null ? null : { kind: PHONE_NUMBER.name, value: row.phone_number as string };
  // Literals, because a list that is pushed to reserves memory for 16 items more, and there are many rows.
  const own = email === null ? (phone === null ? [] : [phone]) : phone === null ? [email] : [email, phone];
  return row.identifiers === null ? own : withOthers(kinds, own, row.identifiers as Record<string, string>);
}

/** A live contact as its own columns tell it: without its version and its rules. */
export function contactOf(kinds: Kinds, row: Row): Contact {
  return {
    id: Number(row.id),
    identifiers: identifiersOf(kinds, row),
    createdAt: Number(row.created_at),
    version: 0,
    isDeleted: false,
    isRuled: false,
  };
}

/** The strongest first, as in a sighting. @param others by the number of their kind */
function withOthers(
  kinds: Kinds,
  own: readonly Identifier[],
  others: Readonly<Record<string, string>>,
): Identifier[] {
  const byKind = Object.entries(others).map(([number, value]) => [
    kinds.numbered(Number(number)).name,
    value,
  ]);
  return kinds.identifiersOf(
    Object.fromEntries([...own.map(({ kind, value }) => [kind, value] as const), ...byKind]),
  );
}

/** The columns of many rows: emails, phone numbers, and the others as JSON. */
export function identifierColumns(
  kinds: Kinds,
  rows: readonly { readonly identifiers: readonly Identifier[] }[],
): [emails: (string | null)[], phoneNumbers: (string | null)[], others: (string | null)[]] {
  return [
    rows.map(({ identifiers }) => valueOf(identifiers, EMAIL.name)),
    rows.map(({ identifiers }) => valueOf(identifiers, PHONE_NUMBER.name)),
    rows.map(({ identifiers }) => othersOf(kinds, identifiers)),
  ];
}

/** The keys of claims: the numbers of their kinds, and their values. */
export function keyColumns(
  kinds: Kinds,
  identifiers: readonly Identifier[],
): [numbers: number[], values: string[]] {
  return [identifiers.map(({ kind }) => kinds.named(kind).number), identifiers.map(({ value }) => value)];
}

/** Rows by numbers and texts of each, one after the other. Texts have the order of their bytes, as in `collate "C"`. */
export function inOrderOfBytes<T>(
  rows: readonly T[],
  keyOf: (row: T) => readonly (number | string)[],
): readonly T[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(row) }));
  // UTF-16 has another order only where a character takes two units.
  const isPlain = !keyed.some(({ key }) =>
    key.some((part) => typeof part === 'string' && SURROGATE.test(part)),
  );
  return keyed.toSorted((a, b) => compareKeys(a.key, b.key, isPlain)).map(({ row }) => row);
}

const SURROGATE = /[\ud800-\udfff]/;

/** A loop, because each batch compares a few hundred. @param isPlain whether UTF-16 has the order of bytes */
function compareKeys(
  one: readonly (number | string)[],
  other: readonly (number | string)[],
  isPlain: boolean,
): number {
  for (let i = 0; i < one.length; i++) {
    const a = one[i]!;
    const b = other[i]!;
    if (a !== b) {
      return isPlain || typeof a === 'number'
        ? a < b
          ? -1
          : 1
        : Buffer.compare(Buffer.from(a), Buffer.from(String(b)));
    }
  }
  return 0;
}

/** Identifiers in the order in which all writers claim them. */
export function inKeyOrder<T extends Identifier>(kinds: Kinds, identifiers: readonly T[]): readonly T[] {
  return inOrderOfBytes(identifiers, ({ kind, value }) => [kinds.named(kind).number, value]);
}

/** The keys of pairs, the lower identifier first, as reviews are stored. */
export function pairColumns(
  kinds: Kinds,
  pairs: readonly Pair[],
): [numbers: number[], values: string[], otherNumbers: number[], otherValues: string[]] {
  const ordered = pairs.map((pair) => inKeyOrder(kinds, pair));
  return [
    ...keyColumns(
      kinds,
      ordered.map(([lower]) => lower!),
    ),
    ...keyColumns(
      kinds,
      ordered.map(([, higher]) => higher!),
    ),
  ];
}

/** The two identifiers of a rule or a review. */
export function pairOf(kinds: Kinds, row: Row): Pair {
  return [
    { kind: kinds.numbered(Number(row.kind)).name, value: row.value as string },
    { kind: kinds.numbered(Number(row.other_kind)).name, value: row.other_value as string },
  ];
}

/** The identifiers that rows name by the number of a kind and a value. */
export function namedIn(kinds: Kinds, rows: readonly Row[]): IdentifierMap<true> {
  const named = new IdentifierMap<true>();
  rows.forEach((row) =>
    named.set({ kind: kinds.numbered(Number(row.kind)).name, value: row.value as string }, true),
  );
  return named;
}

/** A rule, from either of its sides; see `rule.statements.ts`. */
export function ruleOf(kinds: Kinds, row: Row): Rule {
  const one = { kind: kinds.numbered(Number(row.kind)).name, value: row.value as string };
  const other = { kind: kinds.numbered(Number(row.other_kind)).name, value: row.other_value as string };
  return {
    id: Number(row.rule_id),
    identifiers: row.is_reverse === true ? [other, one] : [one, other],
    createdAt: Number(row.created_at),
    actor: row.actor as string,
    reason: row.reason as string | null,
  };
}

/** The keys of all identifiers that the sightings have or name, and of their other forms, each once. */
export function distinctKeyColumns(
  kinds: Kinds,
  sightings: readonly Sighting[],
): [numbers: number[], values: string[]] {
  const seen = new IdentifierMap<true>();
  const numbers: number[] = [];
  const values: string[] = [];
  const add = (identifier: Identifier): void => {
    if (!seen.has(identifier)) {
      seen.set(identifier, true);
      numbers.push(kinds.named(identifier.kind).number);
      values.push(identifier.value);
    }
  };
  const addBoth = (identifier: Identifier): void => {
    add(identifier);
    const other = kinds.otherForm(identifier);
    if (other !== null) {
      add(other);
    }
  };
  for (const { identifiers, sameAs } of sightings) {
    for (const identifier of identifiers) {
      addBoth(identifier);
    }
    if (sameAs !== undefined) {
      addBoth(sameAs);
    }
  }
  return [numbers, values];
}

/** Who has an identifier. */
export function heldOf(kinds: Kinds, { kind, value, contact_id: contactId }: Row): Held {
  return {
    kind: kinds.numbered(Number(kind)).name,
    value: value as string,
    contactId: contactId === null ? null : Number(contactId),
  };
}

/** The value of one kind among identifiers; null if there is none. */
export function valueOf(identifiers: readonly Identifier[], kind: string): string | null {
  return identifiers.find((identifier) => identifier.kind === kind)?.value ?? null;
}

function othersOf(kinds: Kinds, identifiers: readonly Identifier[]): string | null {
  const others = identifiers.filter(({ kind }) => kind !== EMAIL.name && kind !== PHONE_NUMBER.name);
  return others.length === 0
    ? null
    : JSON.stringify(Object.fromEntries(others.map(({ kind, value }) => [kinds.named(kind).number, value])));
}

import { Kinds, PHONE_NUMBER, STANDARD_KINDS, type IdentifierKind, type Normaliser } from './kinds.js';
import { EMAIL_MAX_LENGTH } from './normalise.js';
import type { Policy } from './policy.js';

/** Kinds that a tenant may declare, retired ones included. */
export const FURTHER_KINDS_MAX = 16;
/** Names of kinds are parts of bodies, columns and commands. */
export const KIND_NAME = /^[a-z][A-Za-z0-9]{0,62}$/;
/** Characters that a value of any kind may have: as many as the longest standard kind. */
export const KIND_MAX_LENGTH = EMAIL_MAX_LENGTH;
/** Weaker than emails and phone numbers: a new kind decides little until somebody says that it should. */
export const DEFAULT_PRIORITY = 100;
const DEFAULT_NORMALISER: Normaliser = 'trim';

/** What answers, exports and limits call something else. */
const TAKEN_NAMES = new Set([
  'contactId',
  'contacts',
  'createdAt',
  'emails',
  'identifiers',
  'identity',
  'maxContacts',
  'phone',
  'phoneNumbers',
  'primaryContactId',
]);

/** A kind as a policy is to have it. */
export interface WantedKind {
  readonly name: string;
  /** Undefined: as it is, and by default if it is new; so are all others. */
  readonly normaliser: Normaliser | undefined;
  readonly maxLength: number | undefined;
  /** Undefined: the default, whatever it is now. */
  readonly priority: number | undefined;
  readonly onePerIdentity: boolean;
  readonly maxPerIdentity: number | null;
  readonly isRetired: boolean;
}

/** The limits and kinds that a policy is to have. */
export interface WantedPolicy {
  /** May be infinite. */
  readonly maxContacts: number;
  /** All that were declared. Standard kinds that are absent stay as they are. */
  readonly kinds: readonly WantedKind[];
}

/** What is wrong with a wanted policy. */
export interface PolicyMistake {
  /** Such as `kinds[2].name`. */
  readonly field: string;
  readonly message: string;
}

/** A limit that was lowered. */
export interface TightenedLimit {
  /** `maxContacts`, or the name of a kind. */
  readonly name: string;
  readonly max: number;
}

/** How a policy changes. */
export interface Revision {
  readonly maxContacts: number;
  readonly kinds: Kinds;
  /** New kinds, and kinds that are not as they were. */
  readonly revisedKinds: readonly IdentifierKind[];
  readonly tightened: readonly TightenedLimit[];
  readonly isChange: boolean;
}

/**
 * Decides how a policy becomes another one.
 *
 * What is stored has the form that its kind had, so a kind never changes its name, its normaliser or its number, gets no shorter,
 * and is retired rather than removed. A new kind gets a number that no kind of the tenant had before.
 *
 * @returns the mistakes, if the policy can't become that
 */
export function revisePolicy(
  policy: Pick<Policy, 'maxContacts' | 'kinds'>,
  { maxContacts, kinds: wanted }: WantedPolicy,
): Revision | { readonly mistakes: readonly PolicyMistake[] } {
  const mistakes = [
    ...wanted.flatMap((kind, i) => mistakesOf(policy.kinds, wanted, kind, i)),
    ...mistakesOfAll(policy.kinds, wanted),
  ];
  if (mistakes.length > 0) {
    return { mistakes };
  }
  const lastNumber = Math.max(PHONE_NUMBER.number, ...policy.kinds.further.map(({ number }) => number));
  const isNew = ({ name }: WantedKind): boolean => policy.kinds.find(name) === undefined;
  const added = wanted.filter(isNew).map((kind, i) => withDefaults(kind, lastNumber + 1 + i, undefined));
  const revised = wanted.flatMap((kind) => {
    const known = policy.kinds.find(kind.name);
    const next = known && withDefaults(kind, known.number, known);
    return next === undefined || isSame(next, known!) ? [] : [next];
  });
  const revisedKinds = [...revised, ...added];
  const names = new Set(revisedKinds.map(({ name }) => name));
  const kinds = new Kinds(
    [...policy.kinds.all.filter(({ name }) => !names.has(name)), ...revisedKinds],
    policy.kinds.phoneForms,
  );
  return {
    maxContacts,
    kinds,
    revisedKinds,
    tightened: [
      ...(maxContacts < policy.maxContacts ? [{ name: 'maxContacts', max: maxContacts }] : []),
      ...revised
        .filter((kind) => limitOf(kind) < limitOf(policy.kinds.named(kind.name)))
        .map((kind) => ({ name: kind.name, max: limitOf(kind) })),
    ],
    isChange: revisedKinds.length > 0 || maxContacts !== policy.maxContacts,
  };
}

/** @param at its place among those that are wanted */
function mistakesOf(
  kinds: Kinds,
  wanted: readonly WantedKind[],
  kind: WantedKind,
  at: number,
): PolicyMistake[] {
  const { name, normaliser, maxLength, isRetired } = kind;
  const known = kinds.find(name);
  const isStandard = STANDARD_KINDS.find(name) !== undefined;
  const mistake = (member: string, message: string): PolicyMistake => ({
    field: `kinds[${at}].${member}`,
    message,
  });
  const found: PolicyMistake[] = [];
  if (wanted.findIndex((other) => other.name === name) < at) {
    found.push(mistake('name', `${name} is listed twice`));
  }
  if (known === undefined) {
    // JavaScript finds `constructor` and the like in every object.
    const isTaken = TAKEN_NAMES.has(name) || name in {};
    return isTaken ? [...found, mistake('name', `${name} has another meaning; choose another name`)] : found;
  }
  if (normaliser !== undefined && normaliser !== known.normaliser) {
    found.push(
      mistake('normaliser', `normaliser of ${name} stays ${known.normaliser}: what is stored has that form`),
    );
  }
  if (maxLength !== undefined && isStandard && maxLength !== known.maxLength) {
    found.push(mistake('maxLength', `maxLength of ${name} stays ${known.maxLength}`));
  } else if (maxLength !== undefined && maxLength < known.maxLength) {
    found.push(
      mistake('maxLength', `maxLength of ${name} must be at least ${known.maxLength}, as it was declared`),
    );
  }
  if (isRetired && isStandard) {
    found.push(mistake('retired', `${name} can't be retired`));
  }
  return found;
}

function mistakesOfAll(kinds: Kinds, wanted: readonly WantedKind[]): PolicyMistake[] {
  const listed = new Set(wanted.map(({ name }) => name));
  const absent = kinds.further.filter(({ name }) => !listed.has(name));
  const further = [...listed].filter((name) => STANDARD_KINDS.find(name) === undefined);
  const mistakes = absent.map(
    ({ name }) => `kinds must list ${name}: a kind can't be removed; retire it with "retired": true`,
  );
  return [
    ...mistakes,
    ...(absent.length + further.length > FURTHER_KINDS_MAX
      ? [`kinds may have at most ${FURTHER_KINDS_MAX} beside email and phoneNumber, retired ones included`]
      : []),
  ].map((message) => ({ field: 'kinds', message }));
}

/** @param known what the kind is now; undefined: it is new */
function withDefaults(
  { name, normaliser, maxLength, priority, ...limits }: WantedKind,
  number: number,
  known: IdentifierKind | undefined,
): IdentifierKind {
  return {
    ...limits,
    name,
    number,
    normaliser: normaliser ?? known?.normaliser ?? DEFAULT_NORMALISER,
    maxLength: maxLength ?? known?.maxLength ?? KIND_MAX_LENGTH,
    priority: priority ?? STANDARD_KINDS.find(name)?.priority ?? DEFAULT_PRIORITY,
  };
}

function isSame(one: IdentifierKind, other: IdentifierKind): boolean {
  return (Object.keys(one) as (keyof IdentifierKind)[]).every((member) => one[member] === other[member]);
}

/** How many values of a kind an identity may have; may be infinite. */
function limitOf({ onePerIdentity, maxPerIdentity }: IdentifierKind): number {
  return onePerIdentity ? 1 : (maxPerIdentity ?? Infinity);
}

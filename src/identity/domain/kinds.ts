import type { Identifier } from './contact.js';
import { mayHaveForms, otherFormOf, STARTS_WITH_FORMS, type PhoneForms } from './phone-forms.js';

/** How raw text of a kind gets its normal form; see `normalise.ts`. */
export type Normaliser = (typeof NORMALISERS)[number];
export const NORMALISERS = ['email', 'phone', 'trim', 'lowercase'] as const;

/** A kind of identifier: emails, phone numbers, or anything else that distinguishes customers. */
export interface IdentifierKind {
  /** As callers spell it. */
  readonly name: string;
  /** Its number in the database, 0 to 32767; never reused for another kind. */
  readonly number: number;
  readonly normaliser: Normaliser;
  /** A lower number is stronger. The identifier of the strongest kind decides where a sighting attaches. */
  readonly priority: number;
  /** Characters that a normalised value may have. */
  readonly maxLength: number;
  /** Whether two values of it are never one person's. */
  readonly onePerIdentity: boolean;
  /** How many values of it an identity may have; null: any number. */
  readonly maxPerIdentity: number | null;
  /** Whether new sightings may not have it any more. What is stored of it stays. */
  readonly isRetired: boolean;
}

/** Nobody asked for another behaviour. */
const UNLIMITED = { onePerIdentity: false, maxPerIdentity: null, isRetired: false };

/** Emails: every tenant has this kind from the start. */
export const EMAIL: IdentifierKind = {
  name: 'email',
  number: 0,
  normaliser: 'email',
  priority: 20,
  maxLength: 254,
  ...UNLIMITED,
};

/** Phone numbers: every tenant has this kind from the start. */
export const PHONE_NUMBER: IdentifierKind = {
  name: 'phoneNumber',
  number: 1,
  normaliser: 'phone',
  priority: 30,
  // `+` and 15 digits
  maxLength: 16,
  ...UNLIMITED,
};

/** A kind with a limit on the values that an identity may have of it. */
export interface LimitedKind {
  readonly name: string;
  readonly limit: number;
}

/** A contact has an identifier of a kind that these kinds do not have: somebody has declared it since they were read. */
export class UnknownKindError extends Error {
  override readonly name = 'UnknownKindError';
}

/** The kinds of identifiers of a tenant. The core knows none of them by name: it receives identifiers in order. */
export class Kinds {
  /** The strongest first. */
  readonly all: readonly IdentifierKind[];
  /** Those beside emails and phone numbers; the strongest first. */
  readonly further: readonly IdentifierKind[];
  /** Those with a limit on the values of one identity. */
  readonly limited: readonly LimitedKind[];
  private readonly byName: ReadonlyMap<string, IdentifierKind>;
  private readonly byNumber: ReadonlyMap<number, IdentifierKind>;

  /**
   * @param phoneForms whether both forms of a mobile number count as the same
   * @throws {Error} if two kinds share a name or a number
   */
  constructor(
    kinds: readonly IdentifierKind[],
    readonly phoneForms: PhoneForms = 'same',
  ) {
    this.all = kinds.toSorted((a, b) => a.priority - b.priority || a.number - b.number);
    this.further = this.all.filter(({ number }) => number !== EMAIL.number && number !== PHONE_NUMBER.number);
    this.limited = this.all.flatMap(({ name, onePerIdentity, maxPerIdentity }) => {
      const limit = onePerIdentity ? 1 : maxPerIdentity;
      return limit === null ? [] : [{ name, limit }];
    });
    this.byName = new Map(kinds.map((kind) => [kind.name, kind]));
    this.byNumber = new Map(kinds.map((kind) => [kind.number, kind]));
    if (this.byName.size < kinds.length || this.byNumber.size < kinds.length) {
      throw new Error('two kinds of identifiers share a name or a number');
    }
  }

  /** The kind with a name; undefined: there is none. */
  find(name: string): IdentifierKind | undefined {
    return this.byName.get(name);
  }

  /** @throws {UnknownKindError} if there is no such kind */
  named(name: string): IdentifierKind {
    return known(this.byName.get(name), name);
  }

  /** @throws {UnknownKindError} if there is no such kind */
  numbered(number: number): IdentifierKind {
    return known(this.byNumber.get(number), String(number));
  }

  /**
   * The identifier that counts as the same as this one: the other form of a mobile number. Null: there is none.
   *
   * Nobody has two forms of a number by themselves. Whoever brings one is found by the other.
   */
  otherForm({ kind, value }: Identifier): Identifier | null {
    if (
      !mayHaveForms(value) ||
      this.phoneForms === 'apart' ||
      this.byName.get(kind)?.normaliser !== 'phone'
    ) {
      return null;
    }
    const other = otherFormOf(value);
    return other === null ? null : { kind, value: other };
  }

  /** How values of a kind begin that may have another form. */
  startsWithForms(kind: string): readonly string[] {
    return this.phoneForms === 'same' && this.byName.get(kind)?.normaliser === 'phone'
      ? STARTS_WITH_FORMS
      : [];
  }

  /** How many different values of a kind are in a list without repetitions, if both forms of a number count once. */
  count(kind: string, values: readonly string[]): number {
    if (this.byName.get(kind)?.normaliser !== 'phone') {
      return values.length;
    }
    const counted = new Set<string>();
    for (const value of values) {
      const form = this.otherForm({ kind, value });
      if (form === null || !counted.has(form.value)) {
        counted.add(value);
      }
    }
    return counted.size;
  }

  /** Identifiers with the other forms of those that have one, which come last. */
  withOtherForms(identifiers: readonly Identifier[]): readonly Identifier[] {
    const others = identifiers.map((each) => this.otherForm(each)).filter((each) => each !== null);
    return others.length === 0 ? identifiers : [...identifiers, ...others];
  }

  /**
   * The identifiers that were given, the strongest first.
   *
   * @param values a normalised value, or null, by the name of its kind
   */
  identifiersOf(values: Readonly<Record<string, string | null | undefined>>): Identifier[] {
    const identifiers: Identifier[] = [];
    for (const { name } of this.all) {
      const value = values[name];
      // not what every object has, if a kind is named like that
      if (typeof value === 'string') {
        identifiers.push({ kind: name, value });
      }
    }
    return identifiers;
  }
}

/** The kinds that every tenant has. */
export const STANDARD_KINDS = new Kinds([EMAIL, PHONE_NUMBER]);

function known(kind: IdentifierKind | undefined, given: string): IdentifierKind {
  if (kind === undefined) {
    throw new UnknownKindError(`there is no kind of identifier ${given}`);
  }
  return kind;
}

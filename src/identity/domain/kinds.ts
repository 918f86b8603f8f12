import type { Identifier } from './contact.js';

/** How raw text of a kind gets its normal form; see `normalise.ts`. */
export type Normaliser = 'email' | 'phone' | 'trim' | 'lowercase';

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
}

export const EMAIL: IdentifierKind = {
  name: 'email',
  number: 0,
  normaliser: 'email',
  priority: 20,
  maxLength: 254,
};

export const PHONE_NUMBER: IdentifierKind = {
  name: 'phoneNumber',
  number: 1,
  normaliser: 'phone',
  priority: 30,
  // `+` and 15 digits
  maxLength: 16,
};

/** The kinds of identifiers in use. The core knows none of them by name: it receives identifiers in order. */
export class Kinds {
  /** The strongest first. */
  readonly all: readonly IdentifierKind[];
  private readonly byName: ReadonlyMap<string, IdentifierKind>;
  private readonly byNumber: ReadonlyMap<number, IdentifierKind>;

  /** @throws {Error} if two kinds share a name or a number */
  constructor(kinds: readonly IdentifierKind[]) {
    this.all = kinds.toSorted((a, b) => a.priority - b.priority || a.number - b.number);
    this.byName = new Map(kinds.map((kind) => [kind.name, kind]));
    this.byNumber = new Map(kinds.map((kind) => [kind.number, kind]));
    if (this.byName.size < kinds.length || this.byNumber.size < kinds.length) {
      throw new Error('two kinds of identifiers share a name or a number');
    }
  }

  /** @throws {Error} if there is no such kind */
  named(name: string): IdentifierKind {
    return known(this.byName.get(name), name);
  }

  /** @throws {Error} if there is no such kind */
  numbered(number: number): IdentifierKind {
    return known(this.byNumber.get(number), String(number));
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
      if (value !== null && value !== undefined) {
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
    throw new Error(`there is no kind of identifier ${given}`);
  }
  return kind;
}

/** What a call sends, in its normal form. The service's own types stay out: two builds of it are compared. */
export interface Identifiers {
  readonly email: string | null;
  readonly phoneNumber: string | null;
}

/** What a call is answered. */
export interface IdentityAnswer {
  readonly primaryContactId: number;
  readonly emails: readonly string[];
  readonly phoneNumbers: readonly string[];
  readonly secondaryContactIds: readonly number[];
}

/**
 * The customers that a database is filled with, computed and never stored: the n-th of them is the same in the SQL that
 * fills, in the load that is sent and in the answer that is expected.
 *
 * Contacts come in blocks of ten identities and fifteen contacts: six identities of one contact, three of two and one
 * of three. The second contact of an identity brings another phone number, the third another email.
 */
export interface Population {
  /** Contacts of ordinary identities; their ids are 1 to this. */
  readonly contacts: number;
  /** Contacts of the one big identity, right after them; one email, and a phone number each. */
  readonly bigContacts: number;
}

/** Where a contact of a block stands, and whose email and phone number it carries; all relative to the block. */
export interface Member {
  readonly at: number;
  readonly primaryAt: number;
  readonly emailAt: number;
  readonly phoneAt: number;
}

const SIZES = [1, 2, 1, 1, 3, 1, 2, 1, 1, 2];
const FIRST_AT = SIZES.map((_, i) => SIZES.slice(0, i).reduce((sum, size) => sum + size, 0));
export const BLOCK_CONTACTS = 15;
const BLOCK_IDENTITIES = SIZES.length;
/** Place in a block of an identity of three contacts. */
const LARGEST_IN_BLOCK = SIZES.indexOf(3);

export const BLOCK: readonly Member[] = SIZES.flatMap((size, i) =>
  Array.from({ length: size }, (_, j): Member => {
    const first = FIRST_AT[i]!;
    return {
      at: first + j,
      primaryAt: first,
      emailAt: j === 2 ? first + 2 : first,
      phoneAt: j === 1 ? first + 1 : first,
    };
  }),
);

/** As many whole blocks as fit, so at most 14 contacts fewer than asked for. */
export function populationOf(contacts: number, bigContacts: number): Population {
  return { contacts: Math.floor(contacts / BLOCK_CONTACTS) * BLOCK_CONTACTS, bigContacts };
}

/** How many ordinary identities there are; they are numbered from 0. */
export function identityCount({ contacts }: Population): number {
  return (contacts / BLOCK_CONTACTS) * BLOCK_IDENTITIES;
}

/** A number from 0 of an identity that has three contacts. */
export function identityOfThree({ contacts }: Population): number {
  return Math.floor(contacts / BLOCK_CONTACTS / 2) * BLOCK_IDENTITIES + LARGEST_IN_BLOCK;
}

/** The whole of an ordinary identity, as the service must answer it. */
export function identityAt(index: number): IdentityAnswer {
  const place = index % BLOCK_IDENTITIES;
  const first = Math.floor(index / BLOCK_IDENTITIES) * BLOCK_CONTACTS + FIRST_AT[place]! + 1;
  const size = SIZES[place]!;
  return {
    primaryContactId: first,
    emails: size === 3 ? [emailOf(first), emailOf(first + 2)] : [emailOf(first)],
    phoneNumbers: size === 1 ? [phoneOf(first)] : [phoneOf(first), phoneOf(first + 1)],
    secondaryContactIds: Array.from({ length: size - 1 }, (_, j) => first + j + 1),
  };
}

/** The whole of the big identity. */
export function bigIdentity({ contacts, bigContacts }: Population): IdentityAnswer {
  const ids = Array.from({ length: bigContacts }, (_, j) => contacts + 1 + j);
  return {
    primaryContactId: ids[0]!,
    emails: [emailOf(ids[0]!)],
    phoneNumbers: ids.map(phoneOf),
    secondaryContactIds: ids.slice(1),
  };
}

/** What contact number `ordinal` brought, if it brought both. */
export function sightingOf(ordinal: number): Identifiers {
  return { email: emailOf(ordinal), phoneNumber: phoneOf(ordinal) };
}

/** Odd, so that multiplying by it modulo a power of two gives every ordinal a number of its own (Knuth, 2^32 / φ). */
export const SCATTER = 2_654_435_761;
/** Ordinals, and the numbers they scatter to, are below this: as many as there are phone numbers below. */
export const ORDINALS = 2 ** 29;
/** Area codes of the United States. Numbers that can't exist cost several times as much to read as those that can. */
// prettier-ignore
export const AREAS = [
  201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 220, 223, 224,
  225, 227, 228, 229, 231, 234, 235, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270,
  272, 274, 276, 279, 281, 283, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316,
  317, 318, 319, 320, 321, 323, 324, 325, 326, 327, 329, 330, 331, 332, 334, 336, 337, 339, 341, 346,
  347, 350, 351, 352, 353, 360, 361, 363, 364, 369, 380, 385, 386, 401, 402, 404, 405, 406, 407, 408,
  409, 410, 412, 413, 414, 415, 417, 419, 423, 424, 425, 430, 432, 434, 435, 440, 442, 443, 445, 447,
  448, 458, 463, 464, 469, 470, 472, 475,
];
/** The least number within an area; the greatest is 4,194,303 above it. */
export const FIRST_IN_AREA = 2_000_000;

/** Scattered, so that neighbours in time are no neighbours in an index: that would make inserts look cheap. */
export function emailOf(ordinal: number): string {
  return `customer.${scatter(ordinal).toString().padStart(9, '0')}@example.com`;
}

/** A valid number in E.164, as most shops send it. */
export function phoneOf(ordinal: number): string {
  const number = scatter(ordinal);
  return `+1${AREAS[number % AREAS.length]}${FIRST_IN_AREA + Math.floor(number / AREAS.length)}`;
}

function scatter(ordinal: number): number {
  return Math.imul(ordinal, SCATTER) & (ORDINALS - 1);
}

import { random } from '../../test/support/random.js';
import {
  bigIdentity,
  emailOf,
  identityAt,
  identityCount,
  identityOfThree,
  phoneOf,
  sightingOf,
  type Identifiers,
  type IdentityAnswer,
  type Population,
} from './population.js';

export const WORKLOADS = [
  'known',
  'new',
  'partial',
  'merge',
  'mix',
  'hot',
  'three',
  'big',
  'big grows',
] as const;
/**
 * What is sent: sightings of known identities, of nobody yet, of a known identifier with a new one, of two identities,
 * 80/10/8/2 of these; one email with a new phone number each time; one identity of three contacts, one of thousands; the email
 * of that one with a new phone number each time.
 */
export type Workload = (typeof WORKLOADS)[number];

/** Identities of one contact each, to be merged or extended once. Contact `firstId + n` is ordinal `firstOrdinal + n`. */
export interface Stock {
  readonly firstId: number;
  readonly firstOrdinal: number;
  readonly count: number;
}

/** Everything that decides which calls a slice makes. */
export interface CallSource {
  readonly workload: Workload;
  readonly population: Population;
  readonly stock: Stock;
  /** Ordinals from here on have never been sent. */
  readonly freshFrom: number;
  readonly seed: number;
}

/** What must be answered. Where an id is not known before, there is null; where only their number is, a number. */
export interface Expected {
  readonly primaryContactId: number | null;
  readonly emails: readonly string[];
  /** Null: at least the one that was sent. */
  readonly phoneNumbers: readonly string[] | null;
  readonly secondaryContactIds: readonly number[] | number | null;
}

/** One call: what is sent, in its one form, and what must come back. */
export interface Call {
  readonly sighting: Identifiers;
  readonly expected: () => Expected;
  /** Takes the true answer of a call that writes, so that it can be asked for again. */
  readonly remember?: (view: IdentityAnswer) => void;
}

/** Calls of a mix: known 80 %, new 10 %, partial 8 %, merge 2 %. */
const MIX = { known: 0.8, new: 0.9, partial: 0.98 };
/** Contacts of the stock that a call takes on the average. */
export const STOCK_PER_CALL: Readonly<Record<Workload, number>> = {
  known: 0,
  new: 0,
  partial: 1,
  merge: 2,
  mix: 0.12,
  hot: 0,
  three: 0,
  big: 0,
  'big grows': 0,
};
/** Of the known calls of a mix, those that repeat a write: what was answered once must be answered again. */
const REPEATS = 0.1;
const REMEMBERED = 256;

/** Whether calls bring identifiers that were never sent before. */
export const TAKES_FRESH: Readonly<Record<Workload, boolean>> = {
  known: false,
  new: true,
  partial: true,
  merge: false,
  mix: true,
  hot: true,
  three: false,
  big: false,
  'big grows': true,
};

/** Returns what gives the calls of a slice one by one; it gives null once the stock is used up. */
export function callsOf(source: CallSource): () => Call | null {
  const { population, stock, freshFrom } = source;
  const draw = random(source.seed);
  const identities = identityCount(population);
  let used = 0;
  let fresh = freshFrom;
  const written: Call[] = [];

  const remembering = (call: Call): Call => ({
    ...call,
    remember: (view) => {
      written[used++ % REMEMBERED] = { sighting: call.sighting, expected: () => view };
    },
  });
  let taken = 0;
  const take = (count: number): number | null => {
    taken += count;
    return taken > stock.count ? null : taken - count;
  };
  const known = (): Call => knownCall(Math.floor(draw() * identities), draw());
  const partial = (): Call | null => {
    const n = take(1);
    return n === null ? null : remembering(partialCall(stock, n, fresh++, draw()));
  };
  const merge = (): Call | null => {
    const n = take(2);
    return n === null ? null : remembering(mergeCall(stock, n));
  };
  const mix = (): Call | null => {
    const kind = draw();
    if (kind < MIX.known) {
      const repeated = draw() < REPEATS ? written[Math.floor(draw() * REMEMBERED)] : undefined;
      return repeated ?? knownCall(hotIndex(draw(), identities), draw());
    }
    return kind < MIX.new ? remembering(newCall(fresh++)) : kind < MIX.partial ? partial() : merge();
  };
  const three = identityAt(identityOfThree(population));
  const big = source.workload.startsWith('big') ? bigIdentity(population) : three;

  const byWorkload: Record<Workload, () => Call | null> = {
    known,
    new: () => newCall(fresh++),
    partial,
    merge,
    mix,
    hot: () => hotCall(emailOf(freshFrom), ++fresh),
    three: () => memberCall(three, draw()),
    big: () => memberCall(big, draw()),
    'big grows': () => hotCall(big.emails[0]!, fresh++),
  };
  return byWorkload[source.workload];
}

/** A sighting of one identity: half give an email and a phone number, a quarter one of them. */
function knownCall(index: number, share: number): Call {
  const view = identityAt(index);
  const email = view.emails[Math.floor(share * 1e3) % view.emails.length]!;
  const phoneNumber = view.phoneNumbers[Math.floor(share * 1e4) % view.phoneNumbers.length]!;
  return {
    sighting: {
      email: share < 0.75 ? email : null,
      phoneNumber: share < 0.5 || share >= 0.75 ? phoneNumber : null,
    },
    expected: () => view,
  };
}

function memberCall(view: IdentityAnswer, share: number): Call {
  const phoneNumber = view.phoneNumbers[Math.floor(share * view.phoneNumbers.length)]!;
  return { sighting: { email: view.emails[0]!, phoneNumber }, expected: () => view };
}

function newCall(ordinal: number): Call {
  const sighting = sightingOf(ordinal);
  return { sighting, expected: () => single(null, sighting) };
}

function single(id: number | null, { email, phoneNumber }: Identifiers): Expected {
  return { primaryContactId: id, emails: [email!], phoneNumbers: [phoneNumber!], secondaryContactIds: [] };
}

function partialCall(stock: Stock, n: number, fresh: number, share: number): Call {
  const old = sightingOf(stock.firstOrdinal + n);
  const isNewEmail = share < 0.5;
  const sighting = isNewEmail ? { ...old, email: emailOf(fresh) } : { ...old, phoneNumber: phoneOf(fresh) };
  return {
    sighting,
    expected: () => ({
      primaryContactId: stock.firstId + n,
      emails: isNewEmail ? [old.email!, sighting.email!] : [old.email!],
      phoneNumbers: isNewEmail ? [old.phoneNumber!] : [old.phoneNumber!, sighting.phoneNumber!],
      secondaryContactIds: 1,
    }),
  };
}

function mergeCall(stock: Stock, n: number): Call {
  const older = sightingOf(stock.firstOrdinal + n);
  const younger = sightingOf(stock.firstOrdinal + n + 1);
  return {
    sighting: { email: older.email, phoneNumber: younger.phoneNumber },
    expected: () => ({
      primaryContactId: stock.firstId + n,
      emails: [older.email!, younger.email!],
      phoneNumbers: [older.phoneNumber!, younger.phoneNumber!],
      secondaryContactIds: [stock.firstId + n + 1],
    }),
  };
}

function hotCall(email: string, fresh: number): Call {
  return {
    sighting: { email, phoneNumber: phoneOf(fresh) },
    expected: () => ({
      primaryContactId: null,
      emails: [email],
      phoneNumbers: null,
      secondaryContactIds: null,
    }),
  };
}

/** Coprime to every number of identities that is used, so that the hot ones lie far from each other. */
const STRIDE = 7_368_787;

/** Zipf with exponent 1 over the identities: rank k is drawn about 1/k times as often as the first. */
function hotIndex(share: number, identities: number): number {
  const rank = Math.floor(identities ** share) - 1;
  return (rank * STRIDE) % identities;
}

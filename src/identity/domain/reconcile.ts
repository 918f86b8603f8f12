import { add, dated, emptyIdentity, merge } from './batch-growth.js';
import { current, startBatch, type Batch, type Growing, type Joining, type Outcome } from './batch.js';
import { writesOf } from './batch-writes.js';
import {
  carries,
  viewOf,
  type Contact,
  type Identifier,
  type Ignored,
  type PendingErasure,
  type IdentityView,
  type Sighting,
  type Snapshot,
} from './contact.js';
import { find, formOf, holderByForms, NOTHING_FOUND, rulesOf, type Found } from './found.js';
import { leaveOut } from './policy.js';
import { ignore, whyNot, whyRefused, type Withheld } from './withhold.js';
import type { Writes } from './writes.js';

/** The answer to one caller. */
export interface Answer {
  /** May be a copy each time. Null: none of the identifiers may be used, so nobody is shown. */
  readonly view: IdentityView | null;
  /** If there is no view: what was left out. */
  readonly ignored?: readonly Ignored[];
  /** Whether the view shows something that this batch still has to write; if not, it is already true. */
  readonly awaitsWrite: boolean;
}

/** What sightings change. */
interface Reconciled {
  /** One outcome per sighting, in order. */
  readonly outcomes: readonly Outcome[];
  /** By place, of the sightings that name somebody they are the same as; null: none does. */
  readonly joinings: ReadonlyMap<number, Joining> | null;
  readonly writes: Writes;
}

/** What a batch of calls comes to. */
export interface Reconciliation extends Reconciled {
  /** One answer per sighting, in order. */
  readonly answers: readonly Answer[];
}

/** What a batch of records of the past comes to: nobody waits for answers. */
export interface ReconciledRecords extends Reconciled {
  /** What was left out of each sighting, in order. */
  readonly ignored: readonly (readonly Ignored[])[];
}

/**
 * Decides what a batch of sightings changes, and what each caller is told.
 *
 * The batch behaves as if its sightings had arrived one at a time, in order: each answer reflects the sightings
 * before it and none after it. When a sighting joins identities, the one with the oldest primary survives. A sighting
 * that brings no new identifier inserts nothing, so a replay is free.
 *
 * If a sighting would bring both identifiers of a rule into one identity, or let an identity grow beyond a limit, the identifier
 * of its weakest kind is left out, and the rest is decided again. A single identifier always has an outcome. People are asked to
 * review the link that was withheld, once for each pair, unless a rule about the pair is their answer.
 *
 * A newcomer attaches to the contact that holds its strongest known identifier, and a merge joins the holders of two
 * known ones. So the contacts of an identity, deleted ones included, and these edges are always a tree.
 *
 * A sighting of a record of the past may name somebody it is the same as. It is decided as any other; then its identity is merged with
 * that person's, unless a rule or a limit keeps them apart.
 *
 * A sighting may have a date. If it creates a contact, the contact has that date. If it has no news, but would have had some at
 * its date, the contact that carries just its identifiers gets that date, or the sighting becomes a contact of that date. So
 * sightings with different dates lead to the same primary, with the same values in the same order, in every order of arrival, and
 * a replay still changes nothing. Two things can't hold. A sighting that merges makes no contact: the holders of its identifiers
 * get its date, together with their other identifiers. And where an identity has no room for another contact, one with more
 * identifiers gets the date, or none.
 *
 * Pure: nothing passed in is modified, and neither ids nor the clock are needed (see {@link Writes}).
 *
 * @example
 * const identifiers = [{ kind: 'email', value: 'doc@hillvalley.edu' }];
 * reconcile(nothingKnown, [{ identifiers }]).writes.newcomers
 * // [{ id: -1, identifiers, linkedId: null, joinedId: null, isRuled: false }]
 *
 * @param snapshot every identity that shares an identifier with the batch, with all its rows; a missing one would be
 *   mistaken for a new person
 */
export function reconcile(snapshot: Snapshot, sightings: readonly Sighting[]): Reconciliation {
  const batch = startBatch(snapshot);
  const answers = sightings.map((sighting) => answerTo(take(batch, sighting)));
  return { answers, ...reconciled(batch) };
}

/**
 * Like {@link reconcile}, for records of the past: nobody waits for an answer. To work out how an identity looked after each of its
 * records would take longer than the decisions themselves if it has many thousand contacts.
 */
export function reconcileRecords(snapshot: Snapshot, sightings: readonly Sighting[]): ReconciledRecords {
  const batch = startBatch(snapshot);
  const ignored = sightings.map((sighting) => take(batch, sighting).ignored);
  return { ignored, ...reconciled(batch) };
}

function reconciled(batch: Batch): Reconciled {
  return { outcomes: batch.outcomes, joinings: batch.joinings, writes: writesOf(batch) };
}

/** Where a sighting belongs. */
interface Taken {
  /** Null: none of its identifiers may be used. */
  readonly identity: Growing | null;
  readonly ignored: readonly Ignored[];
}

/** Applies one sighting, without the identifiers that must be left out. */
function take(batch: Batch, given: Sighting): Taken {
  const sighting = batch.reserved.isEmpty ? given : withoutErased(batch, given);
  const { identifiers, leftOut = NOTHING_LEFT_OUT } = sighting;
  if (identifiers.length === 0) {
    batch.outcomes.push('blocked');
    return { identity: null, ignored: leftOut };
  }
  const withheld: Withheld[] = [];
  let taken = sighting;
  let found = find(batch, taken);
  let reason = whyRefused(batch, taken, found);
  while (reason !== null) {
    if (found.isWidened) {
      // Without the identities that only other forms name.
      found = find(batch, taken, false);
    } else {
      withheld.unshift({ identifier: taken.identifiers.at(-1)!, reason });
      taken = withoutWeakest(taken);
      found = find(batch, taken);
    }
    reason = whyRefused(batch, taken, found);
  }
  let identity = apply(batch, taken, found);
  if (given.sameAs !== undefined) {
    identity = join(batch, identity, taken.identifiers[0]!, given.sameAs);
  }
  const ignored =
    withheld.length === 0
      ? leftOut
      : [...leftOut, ...withheld.map((each) => ignore(batch, taken.identifiers[0]!, each))];
  return { identity, ignored };
}

/** The sighting without what was erased after it was seen, because it was under way or is a record of the past, or is blocked. */
function withoutErased(batch: Batch, sighting: Sighting): Sighting {
  const isErased = (identifier: Identifier): boolean => {
    if (!batch.reserved.has(identifier)) {
      return false;
    }
    rulesOf(batch, identifier);
    const erasure = batch.rules.erasureOf(identifier);
    return erasure !== null && isRefused(sighting, erasure);
  };
  return leaveOut(sighting, isErased);
}

function isRefused(
  { createdAt, receivedAt }: Sighting,
  { erasedAt, isBlocked, seenAt }: PendingErasure,
): boolean {
  const isFromBefore =
    receivedAt === undefined ? createdAt === undefined || createdAt <= erasedAt : receivedAt <= seenAt;
  return isBlocked || isFromBefore;
}

const NOTHING_LEFT_OUT: readonly Ignored[] = [];

function withoutWeakest(sighting: Sighting): Sighting {
  return { ...sighting, identifiers: sighting.identifiers.slice(0, -1) };
}

/** Applies a sighting and returns the identity that it belongs to afterwards. */
function apply(batch: Batch, sighting: Sighting, found: Found): Growing {
  const { holders, news } = found;
  const strongest = holders[0];
  if (strongest === undefined) {
    batch.outcomes.push('created');
    return add(batch, emptyIdentity(batch), null, sighting, found);
  }
  let identity = current(strongest.identity);
  for (let i = 1; i < holders.length; i++) {
    identity = merge(batch, strongest, holders[i]!, sighting);
  }
  let outcome: Outcome = 'unchanged';
  if (news.length > 0) {
    outcome = 'linked';
    identity = add(batch, identity, strongest.contactId, sighting, found);
  } else if (sighting.createdAt !== undefined && holders.length > 1) {
    identity = dateHolders(batch, identity, sighting, sighting.createdAt);
  } else if (sighting.createdAt !== undefined) {
    ({ identity, outcome } = backdate(batch, identity, strongest.contactId, sighting, found));
  }
  batch.outcomes.push(holders.length > 1 ? 'merged' : outcome);
  return identity;
}

/** Merges the identity of a sighting with that of another identifier of the same person, unless policy keeps them apart. */
function join(batch: Batch, identity: Growing, strongest: Identifier, sameAs: Identifier): Growing {
  const left = holderByForms(batch, sameAs);
  const right = holderByForms(batch, strongest)!;
  const isOne = left !== null && current(left.identity) === identity;
  const why =
    left === null ? 'gone' : isOne ? 'one' : whyNot(batch, { ...NOTHING_FOUND, holders: [left, right] });
  batch.joinings ??= new Map();
  batch.joinings.set(batch.outcomes.length - 1, why ?? 'joined');
  // No sighting had both: an undo makes its rule of what the two contacts carry.
  return why === null ? merge(batch, left!, right, { identifiers: [] }) : identity;
}

/**
 * Puts a dated sighting without news into its place in time. If one of its identifiers was not known yet at that time, the sighting
 * brought it then: the contact that carries just its identifiers gets its date, and if there is none, the sighting becomes a contact.
 */
function backdate(
  batch: Batch,
  identity: Growing,
  joinedId: number,
  sighting: Sighting,
  found: Found,
): { readonly identity: Growing; readonly outcome: Outcome } {
  const { identifiers, createdAt = Infinity } = sighting;
  const isFirst = identifiers.some(
    (identifier) => holderIn(batch, identity, identifier).createdAt > createdAt,
  );
  if (!isFirst) {
    return { identity, outcome: 'unchanged' };
  }
  const carriesAll = (contact: Contact): boolean =>
    identifiers.every((each) => carriesForm(contact, each, formOf(batch, each)));
  const same = identity.contacts.find(
    (contact) => contact.identifiers.length === identifiers.length && carriesAll(contact),
  );
  if (same === undefined && identity.contacts.length < batch.policy.maxContacts) {
    return { identity: add(batch, identity, joinedId, sighting, found), outcome: 'linked' };
  }
  const carrier = same ?? identity.contacts.find(carriesAll);
  return carrier === undefined
    ? { identity, outcome: 'unchanged' }
    : { identity: dated(batch, identity, carrier, createdAt), outcome: 'dated' };
}

/** A dated sighting that merges makes no contact: the holders of its identifiers become as old as it. */
function dateHolders(batch: Batch, identity: Growing, { identifiers }: Sighting, createdAt: number): Growing {
  const holders = identifiers.map((identifier) => holderIn(batch, identity, identifier));
  return [...new Set(holders)]
    .filter((holder) => holder.createdAt > createdAt)
    .reduce((older, holder) => dated(batch, older, holder, createdAt), identity);
}

/** The oldest contact with an identifier that the identity has, in whichever form. */
function holderIn(batch: Batch, { contacts }: Growing, identifier: Identifier): Contact {
  const form = formOf(batch, identifier);
  return contacts.find((each) => carriesForm(each, identifier, form))!;
}

function carriesForm(contact: Contact, identifier: Identifier, form: Identifier | null): boolean {
  return carries(contact, identifier) || (form !== null && carries(contact, form));
}

/** How the identity of a sighting looks at this moment. */
function answerTo({ identity, ignored }: Taken): Answer {
  if (identity === null) {
    return { view: null, ignored, awaitsWrite: false };
  }
  const awaitsWrite = identity.isChanged || ignored.some(({ reviewId = 0 }) => reviewId < 0);
  if (identity.growing !== null) {
    const view = identity.growing.moment();
    return {
      get view() {
        return withIgnored(view(), ignored);
      },
      awaitsWrite,
    };
  }
  identity.view ??= viewOf(identity.contacts);
  return { view: withIgnored(identity.view, ignored), awaitsWrite };
}

function withIgnored(view: IdentityView, ignored: readonly Ignored[]): IdentityView {
  return ignored.length === 0 ? view : { ...view, ignored };
}

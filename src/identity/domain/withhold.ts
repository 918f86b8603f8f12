import { current, holderOf, type Batch, type Growing } from './batch.js';
import { viewOf, type Identifier, type Ignored, type Sighting } from './contact.js';
import { formOf, holderOfForm, isReserved, isRuledPair, rulesOf, type Found } from './found.js';
import { exceededLimit, type Size } from './policy.js';
import { keyOf, type ReviewReason } from './reviews.js';
import { isSame, otherOf } from './rules.js';

/** An identifier that is left out, because with it policy would not accept the sighting. */
export interface Withheld {
  readonly identifier: Identifier;
  readonly reason: ReviewReason;
}

/** Why policy does not accept a sighting; null: it does, as it does every lone identifier that names one identity. */
export function whyRefused(batch: Batch, { identifiers }: Sighting, found: Found): ReviewReason | null {
  return identifiers.length > 1 || found.holders.length > 1 ? whyNot(batch, found) : null;
}

/** Why policy does not accept what was found; null: it does. */
export function whyNot(batch: Batch, found: Found): ReviewReason | null {
  return crossesRule(batch, found) ? 'do-not-link' : exceedsLimit(batch, found) ? 'limit' : null;
}

/** Whether the resulting identity would hold both identifiers of a rule. */
function crossesRule(batch: Batch, { holders, news }: Found): boolean {
  if (holders.length < 2 && (news.length === 0 || batch.reserved.isEmpty)) {
    return false;
  }
  const parts = holders.map(({ identity }) => current(identity));
  // An identifier that nobody has can only have a rule if it is reserved.
  const reserved = news.filter((identifier) => isReserved(batch, identifier));
  const isBarred = reserved.some((identifier) => {
    const others = news.filter((each) => each !== identifier);
    return keptApartFrom(batch, identifier).some(
      (other) =>
        others.some((each) => countsAs(batch, each, other)) || parts.some((part) => isIn(batch, part, other)),
    );
  });
  return (
    isBarred || parts.some((part, i) => parts.slice(0, i).some((other) => isKeptApart(batch, part, other)))
  );
}

/** Whether one identifier is the other, or another form of it. */
function countsAs(batch: Batch, one: Identifier, other: Identifier): boolean {
  if (isSame(one, other)) {
    return true;
  }
  const form = formOf(batch, one);
  return form !== null && isSame(form, other);
}

/** Whether an identity has an identifier, or its other form. */
function isIn(batch: Batch, part: Growing, identifier: Identifier): boolean {
  const [holder, byForm] = [holderOf(batch, identifier), holderOfForm(batch, identifier)];
  return [holder, byForm].some((each) => each !== null && current(each.identity) === part);
}

/** Whether a rule names one identifier of each of two identities. */
function isKeptApart(batch: Batch, one: Growing, other: Growing): boolean {
  const [fewer, more] = one.ruled.length <= other.ruled.length ? [one, other] : [other, one];
  return fewer.ruled.some(
    (identifier) =>
      isIn(batch, fewer, identifier) &&
      keptApartFrom(batch, identifier).some((each) => isIn(batch, more, each)),
  );
}

/** What rules keep apart from an identifier, or from its other form. */
function keptApartFrom(batch: Batch, identifier: Identifier): Identifier[] {
  const form = formOf(batch, identifier);
  return [identifier, ...(form === null ? [] : [form])].flatMap((each) =>
    rulesOf(batch, each).map((rule) => otherOf(rule, each)),
  );
}

/** Whether the resulting identity would be larger than is allowed. */
function exceedsLimit(batch: Batch, { holders, news }: Found): boolean {
  if (holders.length === 0 || (holders.length === 1 && news.length === 0)) {
    return false;
  }
  const parts = holders.map(({ identity }) => current(identity));
  const sizes = parts.map((part) => sizeOf(batch, part));
  return exceededLimit(batch.policy, sizes, news, (kind) => countDoubled(batch, parts, kind)) !== null;
}

function sizeOf({ policy: { kinds } }: Batch, identity: Growing): Size {
  return {
    contacts: identity.contacts.length,
    valuesOf(kind) {
      identity.valueCounts ??= new Map();
      const count = identity.valueCounts.get(kind) ?? kinds.count(kind, valuesOf(identity, kind));
      identity.valueCounts.set(kind, count);
      return count;
    },
  };
}

/** How many numbers one part has in one form and another part in the other. */
function countDoubled(batch: Batch, parts: readonly Growing[], kind: string): number {
  if (parts.length < 2 || batch.policy.kinds.find(kind)?.normaliser !== 'phone') {
    return 0;
  }
  const isInPartBefore = (value: string, i: number): boolean => {
    const holder = holderOfForm(batch, { kind, value });
    return holder !== null && parts.slice(0, i).includes(current(holder.identity));
  };
  return parts.flatMap((part, i) => valuesOf(part, kind).filter((value) => isInPartBefore(value, i))).length;
}

function valuesOf({ view, contacts }: Growing, kind: string): readonly string[] {
  return (view ?? viewOf(contacts)).values.get(kind) ?? [];
}

/** What is told about an identifier that was left out, and the review of the link that it would have made. */
export function ignore(batch: Batch, strongest: Identifier, { identifier, reason }: Withheld): Ignored {
  const { kind } = identifier;
  // as somebody has them
  const pair = [heldForm(batch, strongest), heldForm(batch, identifier)] as const;
  const [one, other] = pair.map((each) => holderOf(batch, each));
  const isLinked = one && other && current(one.identity) === current(other.identity);
  if (isLinked === true || isRuledPair(batch, pair)) {
    return { kind, reason };
  }
  const key = keyOf(pair);
  const known = batch.knownReviews.get(pair);
  if (known === undefined) {
    batch.unknownReviews.set(key, pair);
  } else if (known !== null) {
    return { kind, reason, reviewId: known.id };
  }
  const opened = batch.reviews.get(key) ?? { id: -(batch.reviews.size + 1), pair, reason };
  batch.reviews.set(key, opened);
  return { kind, reason, reviewId: opened.id };
}

/** An identifier, or its other form if only that has a holder. */
function heldForm(batch: Batch, identifier: Identifier): Identifier {
  const form = holderOf(batch, identifier) === null ? formOf(batch, identifier) : null;
  return form !== null && holderOf(batch, form) !== null ? form : identifier;
}

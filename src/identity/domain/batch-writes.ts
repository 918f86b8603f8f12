import { current, holderOf, primaryOf, type Batch, type BatchNewcomer, type Growing } from './batch.js';
import type { Claim, Identifier, Identity } from './contact.js';
import { factsOf, isWide, youngestOf } from './facts.js';
import { NO_WRITES, type Newcomer, type TouchedRow, type Writes } from './writes.js';

/** The writes of a batch, once all its sightings were applied. */
export function writesOf(batch: Batch): Writes {
  const claims = [...batch.claims.items()];
  const news = claims.filter(({ isNews }) => isNews);
  const taken = news.filter((claim) => batch.reserved.has(claim));
  const forms = unheldForms(batch, news);
  const reservedForms = forms.filter((form) => batch.reserved.has(form));
  return {
    ...NO_WRITES,
    unknownRules: [...batch.unknownRules.items()],
    reviews: [...batch.reviews.values()],
    unknownReviews: [...batch.unknownReviews.values()],
    touched: batch.identities.flatMap((identity) => touchedRows(identity, batch.dates)),
    newcomers: batch.newcomers.map((newcomer) => placed(newcomer, batch.dates)),
    claims: news.filter((claim) => !batch.reserved.has(claim)).map(bare),
    takenClaims: taken.map(bare),
    takenRuleIds: [...taken, ...reservedForms]
      .flatMap((identifier) => batch.rules.of(identifier) ?? [])
      .map(({ id }) => id),
    unheldForms: forms.filter((form) => !batch.reserved.has(form)),
    reservedForms,
    movedClaims: claims.filter(({ isNews }) => !isNews).map(bare),
    merges: batch.merges,
    youngestTouched: youngest(batch),
  };
}

/** The other forms of new claims, if nobody has them: nobody may claim one meanwhile. */
function unheldForms(batch: Batch, news: readonly Claim[]): Identifier[] {
  return news
    .map((claim) => batch.policy.kinds.otherForm(claim))
    .filter((form) => form !== null && holderOf(batch, form) === null) as Identifier[];
}

function bare({ kind, value, contactId }: Claim): Claim {
  return { kind, value, contactId };
}

/**
 * The rows that must be unchanged. If an identity keeps its primary: the primary and the rows that get another date.
 * Otherwise every row, deleted ones too.
 */
function touchedRows(identity: Growing, dates: ReadonlyMap<number, number>): TouchedRow[] {
  if (identity.stored === null || !identity.isChanged) {
    return [];
  }
  const { primaryId, rows } = identity.stored;
  const newPrimaryId = primaryOf(current(identity)).id;
  const isSamePrimary = newPrimaryId === primaryId;
  return rows
    .filter(({ id }) => !isSamePrimary || id === primaryId || dates.has(id))
    .map(({ id, version }) => ({
      id,
      version,
      linkedId: id === newPrimaryId ? null : newPrimaryId,
      ...dated(dates.get(id)),
      leavesPast: !isSamePrimary || dates.has(id),
    }));
}

/** A newcomer with its link after all merges of the batch. */
function placed(
  { contact: { id, identifiers, createdAt, isRuled }, identity, joinedId, requestId }: BatchNewcomer,
  dates: ReadonlyMap<number, number>,
): Newcomer {
  const primaryId = primaryOf(current(identity)).id;
  const linkedId = primaryId === id ? null : primaryId;
  const date = dates.get(id) ?? createdAt;
  return {
    id,
    identifiers,
    linkedId,
    joinedId,
    isRuled,
    ...dated(date === Infinity ? undefined : date),
    ...(requestId !== undefined && { requestId }),
  };
}

function dated(createdAt: number | undefined): { createdAt?: number } {
  return createdAt === undefined ? {} : { createdAt };
}

/** The date of the youngest row of the changed identities, newcomers with a date among them. */
function youngest({ identities, newcomers }: Batch): number {
  const changed = identities.filter(({ isChanged }) => isChanged);
  const stored = changed.map((identity) => (identity.stored === null ? 0 : youngestIn(identity.stored)));
  const dates = newcomers
    .map(({ contact }) => contact.createdAt)
    .filter((createdAt) => createdAt !== Infinity);
  return [...stored, ...dates].reduce((latest, date) => Math.max(latest, date), 0);
}

function youngestIn(identity: Identity): number {
  return isWide(identity) ? factsOf(identity).youngest : youngestOf(identity);
}

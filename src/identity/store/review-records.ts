import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Row, Transaction } from '../../database/session/sql-session.js';
import type { Kinds } from '../domain/kinds.js';
import {
  keyOf,
  strongestFirst,
  type Pair,
  type ReviewDecision,
  type ReviewReason,
  type StoredReview,
} from '../domain/reviews.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { keyColumns, pairColumns, pairOf } from './identifier-columns.js';
import * as sql from './review.statements.js';

/** The most reviews that are read at once, and how often for one page. */
const STEP_MAX = 400;
const STEPS = 5;

/** A review as it is now. */
export interface Review extends StoredReview {
  /** The stronger identifier first */
  readonly identifiers: Pair;
  readonly reason: ReviewReason;
  /** The contacts that hold the identifiers, each once */
  readonly contactIds: readonly number[];
  /** In µs since 1970 */
  readonly createdAt: number;
}

/** A page of reviews. It may have fewer than were asked for, or none, and not be the last. */
export interface ReviewPage {
  readonly reviews: readonly Review[];
  /** The last review that was looked at; null: this page is the last. */
  readonly next: number | null;
}

/** A review that was decided by what happened to its pair, which its row does not say yet. */
interface Settled {
  readonly id: number;
  readonly decision: ReviewDecision;
  /** Of the rule; null: the pair was linked. */
  readonly changeId: number | null;
}

/**
 * Reads reviews.
 *
 * An open review is decided by itself if its pair has a rule or is in one identity. A rule says so in the row when it is made; a
 * link, which may come from any sighting, does not, and neither does a rule that is made at the same moment as the review is
 * opened. So each reading looks, and writes down what it finds.
 */
@Injectable()
export class ReviewRecords {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /**
   * Reviews in the order in which they were opened.
   *
   * @param after the last review that was seen, or 0
   */
  async page(tenantId: number, isOpen: boolean, after: number, limit: number): Promise<ReviewPage> {
    const found: Review[] = [];
    let seen = after;
    for (let step = 0; step < STEPS; step++) {
      const size = Math.min((limit + 1) * 2 ** step, STEP_MAX);
      const reviews = await this.read(
        tenantId,
        isOpen ? sql.OPEN_REVIEWS_AFTER : sql.REVIEWS_AFTER,
        seen,
        size,
      );
      for (const review of reviews) {
        if (found.length === limit) {
          return { reviews: found, next: seen };
        }
        if ((review.decision === null) === isOpen) {
          found.push(review);
        }
        seen = review.id;
      }
      if (reviews.length < size) {
        return { reviews: found, next: null };
      }
    }
    return { reviews: found, next: seen };
  }

  /** A review; null if there is none with this id. */
  async find(tenantId: number, id: number): Promise<Review | null> {
    const [review] = await this.read(tenantId, sql.REVIEWS_AFTER, id - 1, 1);
    return review?.id === id ? review : null;
  }

  /** The next reviews; those that were decided by themselves are told so, and written down. */
  private async read(
    tenantId: number,
    statement: typeof sql.REVIEWS_AFTER,
    after: number,
    size: number,
  ): Promise<Review[]> {
    const { reviews, settled } = await this.contacts.inOneSnapshot(
      tenantId,
      async (transaction, { kinds }) => {
        const [rows = []] = await transaction.send([statement, tenantId, after, size]);
        return rows.length === 0 ? { reviews: [], settled: [] } : asOfNow(transaction, kinds, tenantId, rows);
      },
    );
    const decisions = settled.length === 0 ? null : await this.settle(tenantId, settled);
    return reviews.map((review) => ({ ...review, decision: decisions?.get(review.id) ?? review.decision }));
  }

  /**
   * Writes down how reviews were decided by themselves, unless they were decided otherwise since. Reviews that somebody is just
   * deciding on are left to them.
   *
   * @returns how each review is decided
   */
  private async settle(tenantId: number, settled: readonly Settled[]): Promise<Map<number, ReviewDecision>> {
    const decisions = new Map(settled.map(({ id, decision }) => [id, decision]));
    const written = await this.session.transaction(async (transaction) => {
      const [rows = []] = await transaction.send([
        sql.LOCK_FREE_REVIEWS,
        tenantId,
        settled.map(({ id }) => id),
      ]);
      const locked = new Map(rows.map((row) => [Number(row.id), row.decision as ReviewDecision | null]));
      locked.forEach((decision, id) => decision !== null && decisions.set(id, decision));
      const now = Number(rows[0]?.now);
      const open = settled.filter(({ id }) => locked.get(id) === null);
      await transaction.commit(
        ...open.map(
          ({ id, decision, changeId }) => [sql.DECIDE_REVIEW, tenantId, id, decision, changeId, now] as const,
        ),
      );
      return open;
    }, tenantId);
    Map.groupBy(written, ({ decision }) => decision).forEach(({ length }, decision) =>
      this.contacts.onReviewsDecided(decision, length),
    );
    return decisions;
  }
}

/** Reviews with who holds their identifiers now, and those of them that were decided by themselves. */
async function asOfNow(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  rows: readonly Row[],
): Promise<{ reviews: Review[]; settled: Settled[] }> {
  const pairs = rows.map((row) => pairOf(kinds, row));
  const [holderRows = [], ruledRows = []] = await transaction.send(
    [sql.HOLDERS_OF, tenantId, ...keyColumns(kinds, pairs.flat())],
    [sql.RULED_PAIRS, tenantId, ...pairColumns(kinds, pairs)],
  );
  const holders = new Map<string, Row>(holderRows.map((row) => [nameOf(Number(row.kind), row.value), row]));
  const changeIds = new Map(
    ruledRows.map((row) => [keyOf(pairOf(kinds, row)), Number(row.change_id) || null]),
  );
  const settled: Settled[] = [];
  const reviews = rows.map((row, i): Review => {
    const pair = strongestFirst(kinds, pairs[i]!);
    const held = pair
      .map(({ kind, value }) => holders.get(nameOf(kinds.named(kind).number, value)))
      .filter((holder) => holder !== undefined);
    const isLinked = held.length === 2 && Number(held[0]!.root) === Number(held[1]!.root);
    const byItself = changeIds.has(keyOf(pair)) ? 'keep-apart' : isLinked ? 'link' : null;
    const id = Number(row.id);
    const stored = row.decision as ReviewDecision | null;
    if (stored === null && byItself !== null) {
      settled.push({ id, decision: byItself, changeId: changeIds.get(keyOf(pair)) ?? null });
    }
    return {
      id,
      identifiers: pair,
      reason: row.reason as ReviewReason,
      contactIds: [...new Set(held.map((holder) => Number(holder.id)))],
      createdAt: Number(row.created_at),
      decision: stored ?? byItself,
    };
  });
  return { reviews, settled };
}

function nameOf(number: number, value: unknown): string {
  return `${number} ${String(value)}`;
}

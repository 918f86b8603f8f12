import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import { OverloadedError } from '../http/problems/problem.errors.js';
import { MAX_WAIT_MS } from './batching/call.js';
import type { TightenedLimit } from './domain/revise-policy.js';
import { Limit } from './limit.js';
import { ReadLanes } from './read-lanes.js';
import { IdentityLists, type ListedIdentity } from './store/identity-lists.js';
import { PolicyRevisions } from './store/policy-revisions.js';

/** Identities that are told, for all limits together. */
export const EXCEEDING_MAX = 50;
/** Links that one statement reads: 150 to 300 ms on two busy cores. */
const STEP_LINKS = 25_000;
/** By how much a step grows while one identity has all of its links. */
const GROWTH = 4;

/** An identity that exceeds a limit. */
export interface ExceedingIdentity {
  readonly identity: ListedIdentity;
  /** `maxContacts`, or the name of a kind. */
  readonly limit: string;
  /** Its live contacts, or its values of the kind. */
  readonly count: number;
}

/** The identities that exceed limits. */
export interface Exceeding {
  /** By limit, the largest first; at most {@link EXCEEDING_MAX}. Those that are changed meanwhile may be missing. */
  readonly identities: readonly ExceedingIdentity[];
  /** How many there are, an identity once for each limit; null: there was not the time to look at all. */
  readonly total: number | null;
}

interface Counted {
  readonly limit: string;
  readonly primaryId: number;
  readonly count: number;
}

/**
 * Finds the identities that a lowered limit leaves above it.
 *
 * No count is stored, for the same reason as no size is; see {@link SizeRankings}. So the contacts behind all links are read, in
 * steps that are short for the database: half a million take 3 to 6 s.
 */
@Injectable()
export class ExceedingIdentities {
  private readonly counts = new Limit({
    atOnce: 1,
    maxWaiting: 256,
    waitMs: MAX_WAIT_MS,
    refusal: () => new OverloadedError('identities are being counted for another change of a policy'),
  });

  constructor(
    private readonly revisions: PolicyRevisions,
    private readonly lists: IdentityLists,
    private readonly lanes: ReadLanes,
  ) {}

  /**
   * The identities above the limits.
   *
   * @param withinMs no step begins later; may be infinite
   * @throws {OverloadedError} if others are counted for too long
   */
  async of(tenantId: number, limits: readonly TightenedLimit[], withinMs: number): Promise<Exceeding> {
    if (limits.length === 0) {
      return { identities: [], total: 0 };
    }
    const deadline = performance.now() + withinMs;
    const { counted, total } = await this.counts.run(() => this.count(tenantId, limits, deadline));
    const primaryIds = [...new Set(counted.map(({ primaryId }) => primaryId))];
    const listed = await this.lanes.read(tenantId, () => this.lists.of(tenantId, primaryIds));
    const byPrimary = new Map(listed.map((identity) => [identity.view.primaryContactId, identity]));
    return {
      total,
      identities: counted.flatMap(({ limit, primaryId, count }) => {
        const identity = byPrimary.get(primaryId);
        return identity === undefined ? [] : [{ identity, limit, count }];
      }),
    };
  }

  private async count(
    tenantId: number,
    limits: readonly TightenedLimit[],
    deadline: number,
  ): Promise<{ counted: readonly Counted[]; total: number | null }> {
    const counted: Counted[] = [];
    let total: number | null = 0;
    for (const limit of limits) {
      const found = await this.countOf(tenantId, limit, EXCEEDING_MAX - counted.length, deadline);
      counted.push(...found.largest);
      total = total === null || found.total === null ? null : total + found.total;
    }
    return { counted, total };
  }

  private async countOf(
    tenantId: number,
    limit: TightenedLimit,
    places: number,
    deadline: number,
  ): Promise<{ largest: readonly Counted[]; total: number | null }> {
    let largest: Counted[] = [];
    let total = 0;
    for (let after = 0, size = STEP_LINKS, isLast = false; !isLast;) {
      if (performance.now() > deadline) {
        return { largest, total: null };
      }
      const from = { after, size };
      const step = await retryUnavailable(() =>
        this.revisions.countExceeding(tenantId, limit, from.after, from.size, EXCEEDING_MAX),
      );
      largest = [...largest, ...step.largest.map((each) => ({ ...each, limit: limit.name }))]
        .toSorted((a, b) => b.count - a.count || a.primaryId - b.primaryId)
        .slice(0, places);
      total += step.total;
      isLast = step.read < size;
      // The last primary is counted again from its first link on. If it had all links of this step, it needs a longer one.
      size = step.lastId - 1 === after ? size * GROWTH : STEP_LINKS;
      after = step.lastId - 1;
    }
    return { largest, total };
  }
}

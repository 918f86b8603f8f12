import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { OverloadedError } from '../http/problems/problem.errors.js';
import { MAX_WAIT_MS } from './batching/call.js';
import { Limit } from './limit.js';
import { IdentityLists } from './store/identity-lists.js';

/** Identities that a ranking has. */
export const RANKED_MAX = 10_000;
/** Links that one statement counts: 40 to 100 ms. */
const STEP_LINKS = 50_000;
/** By how much a step grows while one identity has all of its links. */
const GROWTH = 4;
/** A ranking that took several steps is told without counting again for so many times as long as it took. */
const FRESH_FACTOR = 10;
/** After that it is told while it is counted again, until it is so old. */
const STALE_MS = 600_000;
/** Rankings that are kept: half a megabyte each. */
const KEPT_MAX = 32;

/** The size of an identity, and its place among others: by size, the largest first, then by primary. */
export interface Ranked {
  readonly primaryId: number;
  /** Live ones. */
  readonly contacts: number;
}

interface Kept {
  readonly ranking: readonly Ranked[];
  readonly since: number;
  readonly tookMs: number;
}

/**
 * Which identities of a tenant are the largest.
 *
 * No size is stored, because every new contact would then write to one more index. The links of all contacts are counted
 * instead, in steps that are short for the database: four million take 3 s. If there are many, the result is kept for a while.
 */
@Injectable()
export class SizeRankings {
  private readonly kept = new LRUCache<number, Kept>({ max: KEPT_MAX });
  private readonly underWay = new Map<number, Promise<readonly Ranked[]>>();
  private readonly counts = new Limit({
    atOnce: 1,
    maxWaiting: 256,
    waitMs: MAX_WAIT_MS,
    refusal: () => new OverloadedError('identities of other tenants are being counted'),
  });

  constructor(private readonly lists: IdentityLists) {}

  /** The largest identities of a tenant, at most {@link RANKED_MAX}. Those that are changed meanwhile may be missing. */
  async of(tenantId: number): Promise<readonly Ranked[]> {
    const kept = this.kept.get(tenantId);
    const ageMs = kept === undefined ? Infinity : performance.now() - kept.since;
    if (kept !== undefined && ageMs < FRESH_FACTOR * kept.tookMs) {
      return kept.ranking;
    }
    const counted = this.countOnce(tenantId);
    if (kept === undefined || ageMs > STALE_MS) {
      return counted;
    }
    counted.catch(() => undefined);
    return kept.ranking;
  }

  /** Forgets the ranking of a tenant. */
  drop(tenantId: number): void {
    this.kept.delete(tenantId);
  }

  /** Those who ask at the same time share one count. */
  private countOnce(tenantId: number): Promise<readonly Ranked[]> {
    const running =
      this.underWay.get(tenantId) ??
      this.counts.run(() => this.count(tenantId)).finally(() => this.underWay.delete(tenantId));
    this.underWay.set(tenantId, running);
    return running;
  }

  private async count(tenantId: number): Promise<readonly Ranked[]> {
    const since = performance.now();
    let largest: Ranked[] = [];
    let steps = 0;
    for (let after = 0, size = STEP_LINKS, isLast = false; !isLast; steps++) {
      const above = largest.length === RANKED_MAX ? largest.at(-1)!.contacts - 1 : 0;
      const counted = await this.lists.countLinks(tenantId, after, size, above, RANKED_MAX);
      const found = counted.largest.map(({ primaryId, links }) => ({ primaryId, contacts: links + 1 }));
      largest = [...largest, ...found].toSorted(bySize).slice(0, RANKED_MAX);
      isLast = counted.read < size;
      // The last primary is counted again from its first link on. If it had all links of this step, it needs a longer one.
      size = counted.lastId - 1 === after ? size * GROWTH : STEP_LINKS;
      after = counted.lastId - 1;
    }
    const ranking = [...largest, ...(await this.singles(tenantId, largest))];
    if (steps > 1) {
      this.kept.set(tenantId, { ranking, since, tookMs: performance.now() - since });
    } else {
      this.kept.delete(tenantId);
    }
    return ranking;
  }

  /** Identities of one contact, as many as still have a place. */
  private async singles(tenantId: number, larger: readonly Ranked[]): Promise<Ranked[]> {
    const places = RANKED_MAX - larger.length;
    if (places === 0) {
      return [];
    }
    const isLarger = new Set(larger.map(({ primaryId }) => primaryId));
    const primaryIds = await this.lists.primariesAfter(tenantId, 0, places + larger.length);
    return primaryIds
      .filter((id) => !isLarger.has(id))
      .slice(0, places)
      .map((primaryId) => ({ primaryId, contacts: 1 }));
  }
}

/** The largest first, then by primary. */
export function bySize(a: Ranked, b: Ranked): number {
  return b.contacts - a.contacts || a.primaryId - b.primaryId;
}

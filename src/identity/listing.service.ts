import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import type { ValueRange } from './domain/search.js';
import { ReadSources } from './read-sources.js';
import { ReadingService, type WeighedIdentity } from './reading.service.js';
import { bySize, SizeRankings, type Ranked } from './size-rankings.js';
import type { Listing, MatchKey } from './store/identity-lists.js';

/** Lists of identities, in pages. */
@Injectable()
export class ListingService {
  constructor(
    private readonly rankings: SizeRankings,
    private readonly sources: ReadSources,
    private readonly reading: ReadingService,
  ) {}

  /**
   * All identities, in order of their primary.
   *
   * @param after the last primary that was seen; null: from the first on
   */
  async all(tenantId: number, after: number | null, limit: number): Promise<Listing<number>> {
    return this.sources.read(tenantId, ({ lists }) => lists.after(tenantId, after ?? 0, limit));
  }

  /**
   * The largest identities, the largest first; see {@link SizeRankings}.
   *
   * @param after the last one that was seen; null: from the first on
   */
  async largest(tenantId: number, after: Ranked | null, limit: number): Promise<Listing<Ranked>> {
    const ranking = await retryUnavailable(() => this.rankings.of(tenantId));
    const start = after === null ? 0 : ranking.findIndex((ranked) => bySize(after, ranked) < 0);
    const page = start === -1 ? [] : ranking.slice(start, start + limit);
    const sizes = new Map(page.map(({ primaryId, contacts }) => [primaryId, contacts]));
    const identities = await this.sources.read(tenantId, ({ lists }) =>
      lists.of(tenantId, [...sizes.keys()]),
    );
    return {
      // What is shown whole may have changed since it was counted.
      identities: identities.map((identity) => ({
        ...identity,
        contacts: identity.contacts ?? sizes.get(identity.view.primaryContactId)!,
      })),
      next: start === -1 || start + limit >= ranking.length ? null : page.at(-1)!,
    };
  }

  /**
   * The largest identities, the largest first, and the values that hold each together. Reads each as a whole, one after the
   * other, so it is for reports. Those that change meanwhile may be missing.
   *
   * @param minContacts smaller ones are left out
   * @param limit how many, at most
   */
  async suspicious(tenantId: number, minContacts: number, limit: number): Promise<WeighedIdentity[]> {
    const ranking = await retryUnavailable(() => this.rankings.of(tenantId));
    const weighed = new Map<number, WeighedIdentity>();
    for (const { primaryId, contacts } of ranking.slice(0, limit)) {
      if (contacts >= minContacts) {
        // Another one, if it was merged since it was counted.
        for (const identity of await this.reading.weighed(tenantId, [primaryId])) {
          weighed.set(identity.primaryId, identity);
        }
      }
    }
    return [...weighed.values()]
      .filter(({ contacts }) => contacts >= minContacts)
      .toSorted((a, b) => bySize(a, b));
  }

  /**
   * The identities that have an identifier in one of the ranges, each once, in the order of the first of these.
   *
   * @param after where the page before ended; null: from the first on
   * @returns null if `after` is no match of the search
   */
  async search(
    tenantId: number,
    ranges: readonly ValueRange[],
    after: MatchKey | null,
    limit: number,
  ): Promise<Listing<MatchKey> | null> {
    return this.sources.read(tenantId, ({ lists }) => lists.search(tenantId, ranges, after, limit));
  }
}

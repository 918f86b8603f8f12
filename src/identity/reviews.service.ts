import { Injectable } from '@nestjs/common';
import { ChangeWriter, type ChangeCall, type ChangeOutcome } from './change-writer.js';
import { decideReview, type ReviewRefusal } from './domain/decide-review.js';
import type { ReviewDecision } from './domain/reviews.js';
import { ReviewBlockedError, NotFoundError } from './identity.errors.js';
import { ReadLanes } from './read-lanes.js';
import { ReviewRecords, type ReviewPage } from './store/review-records.js';

/** The links that policy withheld, on which people decide. What a decision changes is in the pure core. */
@Injectable()
export class ReviewsService {
  constructor(
    private readonly records: ReviewRecords,
    private readonly writer: ChangeWriter,
    private readonly lanes: ReadLanes,
  ) {}

  /**
   * A page of the reviews that are open or decided, the oldest first.
   *
   * @param after the last review that was seen; null: none
   */
  async list(tenantId: number, isOpen: boolean, after: number | null, limit: number): Promise<ReviewPage> {
    return this.lanes.read(tenantId, () => this.records.page(tenantId, isOpen, after ?? 0, limit));
  }

  /**
   * Decides a review, unless it was decided before; see {@link decideReview}.
   *
   * @throws {NotFoundError}
   * @throws {ReviewBlockedError} if the link can't be made, because an identifier may link nobody
   */
  async decide(
    call: ChangeCall,
    id: number,
    body: { readonly decision: ReviewDecision; readonly reason: string },
  ): Promise<ChangeOutcome> {
    const { tenantId } = call;
    const review = await this.lanes.read(tenantId, () => this.records.find(tenantId, id));
    const sightings = (review?.identifiers ?? []).map((identifier) => ({ identifiers: [identifier] }));
    const request = { kind: 'review', reason: body.reason, body } as const;
    const outcome = await this.writer.change(call, request, { tenantId, sightings }, (snapshot) => {
      const decided = review && decideReview(snapshot, review.identifiers, body.decision);
      if (decided === null || 'refused' in decided) {
        throw refusalOf(id, decided);
      }
      return decided;
    });
    if (!outcome.isChanged && !call.isDryRun && review?.decision === null) {
      // It was decided since it was read, maybe by a link, which nobody has written down.
      await this.lanes.read(tenantId, () => this.records.find(tenantId, id));
    }
    return outcome;
  }
}

function refusalOf(id: number, refusal: ReviewRefusal | null): NotFoundError | ReviewBlockedError {
  return refusal === null || refusal.refused === 'gone'
    ? new NotFoundError('review', id)
    : new ReviewBlockedError(refusal.identifiers);
}

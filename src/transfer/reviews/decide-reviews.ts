import type { Settings } from '../../config/settings.js';
import type { ChangeCall } from '../../identity/change-writer.js';
import type { ReviewDecision, ReviewReason } from '../../identity/domain/reviews.js';
import { ReviewBlockedError, NotFoundError } from '../../identity/identity.errors.js';
import { counted, inDigits, inTime } from '../amounts.js';
import { showProgress, type Screen } from '../import/progress.js';
import { passingTroubleOf, retry, type RetryOptions } from '../import/retry.js';
import { openService, type OpenService } from '../open-service.js';

export interface ReviewDecisionOptions {
  /** The reviews by their ids, or all open ones that were opened for a reason (null: for any) */
  readonly which: { readonly ids: readonly number[] } | { readonly reason: ReviewReason | null };
  readonly decision: ReviewDecision;
  readonly reason: string;
  readonly actor: string;
  readonly isDryRun: boolean;
  /** Name of a tenant; null: the only one there is */
  readonly tenant: string | null;
  readonly retryForMs: number;
  /** Where progress is shown; null: nowhere */
  readonly progress: Screen | null;
  readonly stop: AbortSignal;
}

/** How many reviews had which outcome. `blocked` ones can't be linked, `missing` ones are not there. */
export type ReviewTally = Record<'decided' | 'before' | 'blocked' | 'missing', number>;

export interface ReviewDecisionResult {
  readonly tally: ReviewTally;
  readonly isDryRun: boolean;
  /** Whether every review was looked at; false: it was stopped before the end */
  readonly isComplete: boolean;
  readonly seconds: number;
}

/** Reviews that are decided at once, each by a change of its own. */
const AT_ONCE = 4;
const PAGE_SIZE = 200;

/**
 * Decides many reviews in the same way, each by a change of its own. One that was decided before is left as it is, so it may be
 * repeated, also after it was killed.
 *
 * @throws {TransferError} if it can't start or can't continue. What is decided stays so.
 */
export async function decideReviews(
  settings: Settings,
  options: ReviewDecisionOptions,
): Promise<ReviewDecisionResult> {
  const { which, decision, reason, isDryRun, stop } = options;
  const startedAt = performance.now();
  const tally: ReviewTally = { decided: 0, before: 0, blocked: 0, missing: 0 };
  using shown = showProgress(options.progress, {
    rows: () => reviewsOf(tally),
    outcomes: () => tally,
    bytesRead: () => reviewsOf(tally),
    size: 'ids' in which ? which.ids.length : null,
  });
  const waiting = { ...options, onWait: (why: string) => shown.say(`Waiting: ${why}`) };
  await using service = await retry(
    () => openService(settings, AT_ONCE, options.tenant),
    passingTroubleOf,
    waiting,
  );
  const call: ChangeCall = {
    tenantId: service.tenantId,
    actor: options.actor,
    isDryRun,
    ifMatch: null,
    route: 'reviews decide',
    idempotencyKey: null,
  };
  const decide = async (id: number): Promise<keyof ReviewTally> => {
    try {
      // Safe to repeat: a review that was decided is not decided again.
      const { isChanged } = await retry(
        () => service.reviews.decide(call, id, { decision, reason }),
        passingTroubleOf,
        waiting,
      );
      return isChanged ? 'decided' : 'before';
    } catch (error) {
      if (error instanceof ReviewBlockedError || error instanceof NotFoundError) {
        shown.say(`Review ${id}: ${error.message}`);
        return error instanceof ReviewBlockedError ? 'blocked' : 'missing';
      }
      throw error;
    }
  };
  for await (const ids of 'ids' in which ? partsOf(which.ids) : openOnes(service, which.reason, waiting)) {
    if (stop.aborted) {
      break;
    }
    (await Promise.all(ids.map(decide))).forEach((outcome) => tally[outcome]++);
  }
  return { tally, isDryRun, isComplete: !stop.aborted, seconds: (performance.now() - startedAt) / 1000 };
}

/** The ids of the open reviews that were opened for a reason, some at a time. */
async function* openOnes(
  { reviews, tenantId }: OpenService,
  reason: ReviewReason | null,
  waiting: RetryOptions,
): AsyncGenerator<readonly number[]> {
  for (let after: number | null = null, isLast = false; !isLast;) {
    const page: Awaited<ReturnType<typeof reviews.list>> = await retry(
      () => reviews.list(tenantId, true, after, PAGE_SIZE),
      passingTroubleOf,
      waiting,
    );
    yield* partsOf(
      page.reviews.filter((review) => reason === null || review.reason === reason).map(({ id }) => id),
    );
    after = page.next;
    isLast = after === null;
  }
}

function* partsOf(ids: readonly number[]): Generator<readonly number[]> {
  for (let i = 0; i < ids.length; i += AT_ONCE) {
    yield ids.slice(i, i + AT_ONCE);
  }
}

function reviewsOf(tally: ReviewTally): number {
  return Object.values(tally).reduce((sum, count) => sum + count, 0);
}

/** The summary for people. */
export function decisionSummaryText({ tally, isDryRun, isComplete, seconds }: ReviewDecisionResult): string {
  const title = isComplete ? (isDryRun ? 'Dry run' : 'Done') : 'Stopped';
  const lines = [
    `${title}: ${counted(reviewsOf(tally), 'review')} in ${inTime(seconds)}`,
    `  ${inDigits(tally.decided)} ${isDryRun ? 'would be decided' : 'decided'}`,
    `  ${inDigits(tally.before)} were decided before`,
    `  ${inDigits(tally.blocked)} can't be linked: an identifier is blocked, or its kind is retired`,
    `  ${inDigits(tally.missing)} are not there`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The summary for programs. */
export function decisionSummaryJson({ tally, isDryRun, isComplete, seconds }: ReviewDecisionResult): string {
  const { decided, before, blocked, missing } = tally;
  const rounded = Math.round(seconds * 1000) / 1000;
  return `${JSON.stringify({ reviews: reviewsOf(tally), decided, decidedBefore: before, blocked, missing, isDryRun, isComplete, seconds: rounded })}\n`;
}

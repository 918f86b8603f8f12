import type { Settings } from '../../config/settings.js';
import { DryRun, forDryRun } from '../import/dry-run.js';
import { showProgress, type Screen } from '../import/progress.js';
import { passingTroubleOf, retry } from '../import/retry.js';
import { openService } from '../open-service.js';
import { emptyTally, Renormaliser, type Findings, type Tally } from './renormaliser.js';

export interface RenormaliseOptions {
  readonly isDryRun: boolean;
  readonly actor: string;
  readonly reason: string;
  /** Name of a tenant; null: the only one there is */
  readonly tenant: string | null;
  readonly retryForMs: number;
  /** Where progress is shown; null: nowhere */
  readonly progress: Screen | null;
  readonly stop: AbortSignal;
}

export interface RenormaliseResult {
  readonly isDryRun: boolean;
  /** Whether everything was looked at; false: it was stopped before the end */
  readonly isComplete: boolean;
  readonly tally: Tally;
  readonly found: Findings;
  /** The change that was recorded; null: nothing was changed, or it was a dry run */
  readonly changeId: number | null;
  readonly seconds: number;
}

/** A decision about one batch, and its dry run, use one connection at a time. */
const CONNECTIONS = 1;

/**
 * Gives everything that a tenant has stored under an older normal form the one of today, or tells what that would do. It may run
 * while the service runs, and may be repeated: what has its normal form is left as it is.
 *
 * A dry run does the same on temporary tables; see {@link DryRun}. So its numbers are those of the real run.
 *
 * Rules come first, so that no identities become one that a rule under an old form keeps apart; records of the past last, because
 * they follow what is stored of the values then.
 *
 * @throws {TransferError} if it can't start or can't continue. What is written stays so.
 */
export async function renormaliseAll(
  settings: Settings,
  options: RenormaliseOptions,
): Promise<RenormaliseResult> {
  const { isDryRun, stop, tenant } = options;
  const startedAt = performance.now();
  const tally = emptyTally();
  using shown = showProgress(options.progress, {
    rows: () => tally.identifiers,
    outcomes: () => ({ changed: tally.changed, merged: tally.merges, refused: tally.refused }),
    bytesRead: () => 0,
    size: null,
  });
  const waiting = { ...options, onWait: (why: string) => shown.say(`Waiting: ${why}`) };
  const used = isDryRun ? forDryRun(settings) : settings;
  await using service = await retry(() => openService(used, CONNECTIONS, tenant), passingTroubleOf, waiting);
  const { kinds } = await service.policies.of(service.tenantId);
  const dryRun = isDryRun ? await DryRun.start(service.session, kinds) : null;
  await dryRun?.hideChanges(service.tenantId);
  const { actor, reason } = options;
  const work = new Renormaliser({ service, kinds, settings, actor, reason, tally, dryRun, waiting, stop });
  await work.run();
  return {
    isDryRun,
    isComplete: !stop.aborted,
    tally,
    found: work.found,
    changeId: isDryRun ? null : work.changeId,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

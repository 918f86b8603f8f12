import { ContentionError } from '../../identity/identity.errors.js';
import type { Sighting } from '../../identity/domain/contact.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import { IdentifierMap } from '../../identity/domain/identifier-map.js';
import type { Prepared } from '../../identity/decision-writer.js';
import type { Reconciliation } from '../../identity/domain/reconcile.js';
import type { ReconciliationService } from '../../identity/reconciliation.service.js';
import { TransferError } from '../files.js';
import type { Checkpoint } from './checkpoint.js';
import type { DryRun } from './dry-run.js';
import { IdentityJoiner } from './identity-joiner.js';
import type { RejectedFile } from './rejected-file.js';
import { retry, troubleOf, type RetryOptions } from './retry.js';
import type { InputRow } from './row-maker.js';
import type { RowBatch, RowReader } from './row-reader.js';
import type { Statistics } from './statistics.js';
import type { Tally } from './summary.js';

export interface ImporterParts extends RetryOptions {
  readonly reader: RowReader;
  readonly tenantId: number;
  /** Of the tenant */
  readonly kinds: Kinds;
  readonly reconciliation: ReconciliationService;
  readonly rejected: RejectedFile;
  /** null: this import can't be resumed */
  readonly checkpoint: Checkpoint | null;
  readonly dryRun: DryRun | null;
  /** null: the planner knows the tables */
  readonly statistics: Statistics | null;
  readonly tally: Tally;
  readonly batchSize: number;
}

/** The sighting of a row, or a sighting that only joins rows. */
interface Step {
  readonly row: InputRow | null;
  readonly sighting: Sighting;
}

/** What became of a sighting. */
type Effect = Awaited<ReturnType<ReconciliationService['reconcileAll']>>[number];

/** A batch, prepared as far as possible before it is written. */
interface PreparedBatch {
  readonly batch: RowBatch;
  readonly steps: readonly Step[];
  /** null: decided when it is written */
  readonly prepared: Prepared<Reconciliation> | null;
}

/**
 * Imports the rows of an input batch by batch: each batch in one transaction, in the order of its rows, as if each row
 * were a call of the API.
 *
 * While a batch is written, the next one is read, loaded and decided on another connection. If both concern the same
 * identities or identifiers, that decision is dropped. If it is out of date for another reason, the write protocol finds
 * out.
 *
 * After each batch, the file of rejected rows and then the checkpoint are updated. A batch that is committed but not in
 * the checkpoint is imported again after a crash, which changes nothing.
 */
export class Importer {
  private readonly joiner: IdentityJoiner;

  constructor(private readonly parts: ImporterParts) {
    this.joiner = new IdentityJoiner(parts.kinds);
  }

  /** @returns whether the input was read to its end; false: the import was stopped */
  async run(): Promise<boolean> {
    const { stop, tally } = this.parts;
    let batch = await this.prepareNext();
    while (batch !== null && !stop.aborted) {
      // Both must end before an error is passed on, or the error of the other would be unhandled.
      const [written, next] = await Promise.allSettled([this.write(batch), this.prepareNext()]);
      if (written.status === 'fulfilled' && next.status === 'rejected' && stop.aborted) {
        // a pipe that is not read any further
        return false;
      }
      if (written.status === 'rejected' || next.status === 'rejected') {
        throw written.status === 'rejected' ? written.reason : (next as PromiseRejectedResult).reason;
      }
      batch =
        next.value !== null && shareAnything(next.value, batch)
          ? { ...next.value, prepared: null }
          : next.value;
    }
    if (batch === null) {
      this.joiner.finish();
      tally.apart += this.joiner.apart;
    }
    return batch === null;
  }

  private async prepareNext(): Promise<PreparedBatch | null> {
    const { reader, batchSize, dryRun, reconciliation } = this.parts;
    const batch = await reader.read(batchSize);
    if (batch === null) {
      return null;
    }
    const steps = batch.rows.flatMap((row): Step[] => [
      ...(row.sighting === null ? [] : [{ row, sighting: row.sighting }]),
      ...this.joiner.joinsAfter(row).map((sighting) => ({ row: null, sighting })),
    ]);
    // A dry run has one connection only. What fails here fails again when the batch is written.
    const prepared =
      dryRun === null && steps.length > 0
        ? await reconciliation.prepare(this.parts.tenantId, sightingsOf(steps)).catch(() => null)
        : null;
    return { batch, steps, prepared };
  }

  private async write({ batch, steps, prepared }: PreparedBatch): Promise<void> {
    const { rejected, checkpoint, tally } = this.parts;
    const refused = new Map<InputRow, string>();
    const outcomes = await this.settle(steps, prepared, refused);
    steps.forEach(({ row }, i) => {
      const { outcome, ignored } = outcomes[i] ?? { outcome: null, ignored: [] };
      if (row !== null && outcome !== null) {
        tally[outcome]++;
      } else if (outcome === 'merged') {
        tally.joined++;
      }
      if (ignored.length > 0 && outcome !== 'blocked') {
        tally.withheld++;
        new Set(ignored.map(({ reason }) => reason)).forEach((reason) => tally.ignored[reason]++);
      }
    });
    const bad = batch.rows
      .filter((row) => row.reason !== null || refused.has(row))
      .map((row) => ({ ...row, reason: row.reason ?? refused.get(row)! }));
    tally.rejected += bad.length;
    await this.parts.statistics?.afterBatch();
    await rejected.add(bad);
    if (batch.isResumable) {
      await checkpoint?.save({
        place: batch.end,
        tally,
        rejectedBytes: rejected.bytes,
        rejectedPath: rejected.path,
      });
    }
  }

  /**
   * Writes the steps in one transaction. If that fails because of one of them, or because others keep writing to the
   * same identities, each half becomes a transaction of its own, and so on.
   *
   * @param refused collects the rows that the database refuses
   * @returns one outcome a step; null: refused
   */
  private async settle(
    steps: readonly Step[],
    prepared: Prepared<Reconciliation> | null,
    refused: Map<InputRow, string>,
  ): Promise<(Effect | null)[]> {
    if (steps.length === 0) {
      return [];
    }
    try {
      return [...(await this.retried(sightingsOf(steps), prepared))];
    } catch (error) {
      const code = refusalCode(error);
      if (code === null && !(error instanceof ContentionError)) {
        throw error;
      }
      if (steps.length > 1) {
        const middle = Math.floor(steps.length / 2);
        return [
          ...(await this.settle(steps.slice(0, middle), null, refused)),
          ...(await this.settle(steps.slice(middle), null, refused)),
        ];
      }
      const { row } = steps[0]!;
      if (row !== null) {
        refused.set(row, `the database refuses it (SQLSTATE ${code})`);
      }
      return [null];
    }
  }

  /** Tries again for a while if the database can't serve. Repeating is safe, whatever was written. */
  private async retried(
    sightings: readonly Sighting[],
    prepared: Prepared<Reconciliation> | null,
  ): Promise<readonly Effect[]> {
    const { dryRun, reconciliation, tenantId } = this.parts;
    // A smaller batch has a better chance than another try of all.
    const reasonOf = (error: unknown): string | null =>
      error instanceof ContentionError && sightings.length === 1
        ? 'others keep changing the same identity'
        : troubleOf(error);
    try {
      return await retry(
        async () => {
          await dryRun?.prepare(tenantId, sightings);
          return reconciliation.reconcileAll(tenantId, sightings, prepared);
        },
        // The temporary tables of a dry run are lost with its connection.
        (error) => (dryRun === null ? reasonOf(error) : null),
        this.parts,
      );
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === null) {
        throw error;
      }
      throw new TransferError(
        dryRun === null
          ? `The import can't continue: ${reason}.`
          : `The dry run lost its connection: ${reason}. Start it again.`,
      );
    }
  }
}

function sightingsOf(steps: readonly Step[]): Sighting[] {
  return steps.map(({ sighting }) => sighting);
}

/** Whether a batch shares an identifier or identity with the one before it. */
function shareAnything(next: PreparedBatch, before: PreparedBatch): boolean {
  const seen = new IdentifierMap<true>();
  before.steps.forEach(({ sighting }) =>
    sighting.identifiers.forEach((identifier) => seen.set(identifier, true)),
  );
  const primaryIds = new Set(before.prepared?.snapshot.identities.map(({ primaryId }) => primaryId));
  return (
    next.steps.some(({ sighting }) => sighting.identifiers.some((identifier) => seen.has(identifier))) ||
    next.prepared?.snapshot.identities.some(({ primaryId }) => primaryIds.has(primaryId)) === true
  );
}

/** The SQLSTATE if the database can't store the data, or it violates a constraint; otherwise null. */
function refusalCode(error: unknown): string | null {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]...$/.test(code) ? code : null;
}

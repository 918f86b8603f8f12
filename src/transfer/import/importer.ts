import { ContentionError } from '../../identity/identity.errors.js';
import type { Sighting } from '../../identity/domain/contact.js';
import { IdentifierMap } from '../../identity/domain/identifier-map.js';
import type { Prepared } from '../../identity/decision-writer.js';
import type { ReconciledRecords } from '../../identity/domain/reconcile.js';
import type { Effect, ReconciliationService } from '../../identity/reconciliation.service.js';
import { TransferError } from '../files.js';
import type { Checkpoint } from './checkpoint.js';
import type { DryRun } from './dry-run.js';
import { IdentityJoiner, type Step } from './identity-joiner.js';
import type { RejectedFile } from './rejected-file.js';
import type { NationalNumbers } from './national-numbers.js';
import { retry, troubleOf, type RetryOptions } from './retry.js';
import type { InputRow } from './row-maker.js';
import type { Place, RowBatch, RowReader } from './row-reader.js';
import { effectOf, type ApartRow } from './row-effect.js';
import type { Before } from './shared-values.js';
import type { Statistics } from './statistics.js';
import type { Tally } from './summary.js';

export interface ImporterParts extends RetryOptions {
  readonly reader: RowReader;
  readonly tenantId: number;
  readonly reconciliation: ReconciliationService;
  readonly rejected: RejectedFile;
  /** null: this import can't be resumed */
  readonly checkpoint: Checkpoint | null;
  readonly dryRun: DryRun | null;
  /** null: a region is set, or it is no dry run */
  readonly nationalNumbers: NationalNumbers | null;
  /** null: the planner knows the tables */
  readonly statistics: Statistics | null;
  /** Kept for a run that resumes this one */
  readonly before: Before;
  readonly tally: Tally;
  readonly batchSize: number;
}

/** Most rows told of that could not be joined */
const APART_MAX = 1000;

/** A batch, prepared as far as possible before it is written. */
interface PreparedBatch {
  readonly batch: RowBatch;
  readonly steps: readonly Step[];
  /** null: decided when it is written */
  readonly prepared: Prepared<ReconciledRecords> | null;
}

/**
 * Imports the rows of an input batch by batch: each batch in one transaction, in the order of its rows, as if each row
 * were a call of the API.
 *
 * While a batch is written, the next one is loaded and decided on another connection, and the one after that is read, so that neither
 * this process nor the database waits for the other. If the two concern the same identities or identifiers, that decision is
 * dropped. If it is out of date for another reason, the write protocol finds out.
 *
 * After each batch, the file of rejected rows and then the checkpoint are updated, while the next batch is written. A batch that is
 * committed but not in the checkpoint is imported again after a crash, which changes nothing.
 */
export class Importer {
  /** Rows of this run that could not be joined with those of the same person; the first of them */
  readonly apart: ApartRow[] = [];
  private readonly joiner: IdentityJoiner;
  /** The rows after those that are decided on; null: they are not read yet */
  private ahead: Promise<RowBatch | null> | null = null;
  /** The notes of the batches written so far */
  private noted: Promise<void> = Promise.resolve();

  constructor(private readonly parts: ImporterParts) {
    const { reconciliation, tenantId } = parts;
    this.joiner = new IdentityJoiner(
      async (sightings) => (await reconciliation.admitAll(tenantId, sightings)).admitted,
    );
  }

  /** Goes on at a place where a batch of an earlier run ended. What comes before it is read only for the identities in it. */
  async resumeAt(place: Place): Promise<void> {
    const { reader, batchSize, stop } = this.parts;
    while (reader.hasIdentities && !stop.aborted) {
      const batch = await reader.read(batchSize, place);
      if (batch === null) {
        break;
      }
      await this.joiner.stepsOf(batch.rows);
    }
    reader.seek(place);
  }

  /** @returns whether the input was read to its end; false: the import was stopped */
  async run(): Promise<boolean> {
    try {
      return await this.importAll();
    } finally {
      // what was written before an error must be noted too
      await this.noted;
    }
  }

  private async importAll(): Promise<boolean> {
    const { stop } = this.parts;
    let batch = await this.prepareNext(null);
    while (batch !== null && !stop.aborted) {
      // Both must end before an error is passed on, or the error of the other would be unhandled.
      const [written, next] = await Promise.allSettled([this.write(batch), this.prepareNext(batch)]);
      if (written.status === 'fulfilled' && next.status === 'rejected' && stop.aborted) {
        // a pipe that is not read any further
        return false;
      }
      if (written.status === 'rejected' || next.status === 'rejected') {
        throw written.status === 'rejected' ? written.reason : (next as PromiseRejectedResult).reason;
      }
      batch = next.value;
    }
    return batch === null;
  }

  /** @param writing the batch that is written meanwhile; null: none */
  private async prepareNext(writing: PreparedBatch | null): Promise<PreparedBatch | null> {
    const { reader, batchSize, dryRun, reconciliation } = this.parts;
    const batch = await (this.ahead ?? reader.read(batchSize));
    if (batch === null) {
      return null;
    }
    const steps = await this.joiner.stepsOf(batch.rows);
    // A dry run has one connection only. A decision on what is about to change would be dropped.
    const mayPrepare =
      dryRun === null && steps.length > 0 && (writing === null || !shareIdentifiers(steps, writing.steps));
    // What fails here fails again when the batch is written.
    const preparing = mayPrepare
      ? reconciliation.prepare(this.parts.tenantId, sightingsOf(steps)).catch(() => null)
      : null;
    this.ahead = reader.read(batchSize);
    // it is told of when its turn comes
    this.ahead.catch(() => undefined);
    const prepared = await preparing;
    const isOutdated = prepared !== null && writing !== null && shareIdentities(prepared, writing.prepared);
    return { batch, steps, prepared: isOutdated ? null : prepared };
  }

  private countNationalNumbers({ rows }: RowBatch): void {
    const { nationalNumbers } = this.parts;
    if (nationalNumbers !== null) {
      const sightings = rows.flatMap(({ sighting, further }) =>
        sighting === null ? [] : [sighting, ...further],
      );
      sightings.forEach((sighting) => nationalNumbers.add(sighting));
    }
  }

  private async write({ batch, steps, prepared }: PreparedBatch): Promise<void> {
    const { tally } = this.parts;
    const refused = new Map<InputRow, string>();
    const effects = await this.settle(steps, prepared, refused);
    this.count(steps, effects, refused);
    this.countNationalNumbers(batch);
    const bad = batch.rows.flatMap((row) => {
      const refusal = refused.get(row);
      const faults = [...row.faults, ...(refusal === undefined ? [] : [{ column: null, reason: refusal }])];
      if (row.sighting === null || refusal !== undefined) {
        tally.rejected++;
      } else if (faults.length > 0) {
        tally.incomplete++;
        faults.forEach(({ column }) => (tally.dropped[column!] = (tally.dropped[column!] ?? 0) + 1));
      }
      return faults.length === 0 ? [] : [{ ...row, faults }];
    });
    await this.parts.statistics?.afterBatch();
    // a failure to note the batch before ends the import
    await this.noted;
    this.noted = this.note(batch, bad, structuredClone(tally));
    this.noted.catch(() => undefined);
  }

  /** Notes that a batch is written. */
  private async note({ end: place }: RowBatch, bad: readonly InputRow[], tally: Tally): Promise<void> {
    const { rejected, checkpoint, before } = this.parts;
    await rejected.add(bad);
    const { path: rejectedPath, bytes: rejectedBytes, hash: rejectedHash } = rejected.soFar;
    await checkpoint?.save({ place, tally, rejectedBytes, rejectedPath, rejectedHash, before });
  }

  private count(
    steps: readonly Step[],
    effects: readonly (Effect | null)[],
    refused: ReadonlyMap<InputRow, string>,
  ): void {
    const { tally } = this.parts;
    for (let from = 0, to = 0; from < steps.length; from = to) {
      const { row } = steps[from]!;
      for (to = from + 1; steps[to]?.row === row; to++);
      if (refused.has(row)) {
        continue;
      }
      const { outcome, ignored, isJoined, apart } = effectOf(
        steps.slice(from, to),
        effects.slice(from, to) as Effect[],
      );
      tally[outcome]++;
      tally.joined += isJoined ? 1 : 0;
      if (ignored.size > 0 && outcome !== 'blocked') {
        tally.withheld++;
        ignored.forEach((reason) => tally.ignored[reason]++);
      }
      if (apart !== null) {
        tally.apart++;
        if (this.apart.length < APART_MAX) {
          this.apart.push(apart);
        }
      }
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
    prepared: Prepared<ReconciledRecords> | null,
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
      refused.set(steps[0]!.row, `the database refuses it (SQLSTATE ${code})`);
      return [null];
    }
  }

  /** Tries again for a while if the database can't serve. Repeating is safe, whatever was written. */
  private async retried(
    sightings: readonly Sighting[],
    prepared: Prepared<ReconciledRecords> | null,
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

/** Whether sightings name an identifier that those of the batch before them name. */
function shareIdentifiers(next: readonly Step[], before: readonly Step[]): boolean {
  const seen = new IdentifierMap<true>();
  before.forEach(({ sighting }) => sighting.identifiers.forEach((identifier) => seen.set(identifier, true)));
  return next.some(
    ({ sighting: { identifiers, sameAs } }) =>
      identifiers.some((identifier) => seen.has(identifier)) || (sameAs !== undefined && seen.has(sameAs)),
  );
}

/** Whether a decision is about an identity that another one is about. */
function shareIdentities(next: Prepared<ReconciledRecords>, before: PreparedBatch['prepared']): boolean {
  const primaryIds = new Set(before?.snapshot.identities.map(({ primaryId }) => primaryId));
  return next.snapshot.identities.some(({ primaryId }) => primaryIds.has(primaryId));
}

/** The SQLSTATE if the database can't store the data, or it violates a constraint; otherwise null. */
function refusalCode(error: unknown): string | null {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]...$/.test(code) ? code : null;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { unavailability } from '../../database/session/unavailable.js';
import { ContentionError } from '../../identity/identity.errors.js';
import type { Sighting } from '../../identity/domain/contact.js';
import type { Outcome } from '../../identity/domain/batch.js';
import type { Prepared, ReconciliationService } from '../../identity/reconciliation.service.js';
import type { Checkpoint } from './checkpoint.js';
import type { DryRun } from './dry-run.js';
import { IdentityJoiner } from './identity-joiner.js';
import { ImportError } from './import.error.js';
import type { RejectedFile } from './rejected-file.js';
import type { Row, RowBatch, RowReader } from './row-reader.js';
import type { Tally } from './tally.js';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export interface Parts {
  readonly reader: RowReader;
  readonly tenantId: number;
  readonly reconciliation: ReconciliationService;
  readonly rejected: RejectedFile;
  /** null: this import can't be resumed */
  readonly checkpoint: Checkpoint | null;
  readonly dryRun: DryRun | null;
  readonly tally: Tally;
  readonly batchSize: number;
  /** For how long a database that can't serve is tried again */
  readonly patienceMs: number;
  /** Told when the database can't serve, and why. */
  readonly onWait: (reason: string) => void;
  /** Ends the import after the batch under way. */
  readonly stop: AbortSignal;
}

/** A row that takes part in a batch with its sighting, or a sighting that only joins rows. */
interface Step {
  readonly row: Row | null;
  readonly sighting: Sighting;
}

/** A batch with all that can be done before its turn comes. */
interface Turn {
  readonly batch: RowBatch;
  readonly steps: readonly Step[];
  /** null: it is decided when its turn comes */
  readonly prepared: Prepared | null;
}

/**
 * Takes the rows of an input, batch by batch: all of a batch in one transaction, in the order of the rows, as if each
 * had come through the API.
 *
 * While a batch is written, the next one is read, loaded and decided on another connection. Where it concerns
 * identities or identifiers of the one being written that decision is dropped; where it is out of date without that
 * being seen, the write protocol finds it.
 *
 * After each batch the file of rejected rows and then the checkpoint are brought up to date. A batch that is committed
 * but not in the checkpoint is taken again after a crash, which changes nothing.
 */
export class Importer {
  private readonly joiner = new IdentityJoiner();

  constructor(private readonly parts: Parts) {}

  /** @returns whether the input came to its end; false: it was stopped */
  async run(): Promise<boolean> {
    const { stop, tally } = this.parts;
    let turn = await this.ready();
    while (turn !== null && !stop.aborted) {
      // Both must have ended before an error is passed on, or the other one's would be nobody's.
      const [written, next] = await Promise.allSettled([this.take(turn), this.ready()]);
      if (written.status === 'rejected' || next.status === 'rejected') {
        throw written.status === 'rejected' ? written.reason : (next as PromiseRejectedResult).reason;
      }
      turn =
        next.value !== null && isConcerned(next.value, turn) ? { ...next.value, prepared: null } : next.value;
    }
    if (turn === null) {
      this.joiner.finish();
      tally.apart += this.joiner.apart;
    }
    return turn === null;
  }

  private async ready(): Promise<Turn | null> {
    const { reader, batchSize, dryRun, reconciliation } = this.parts;
    const batch = await reader.read(batchSize);
    if (batch === null) {
      return null;
    }
    const steps = batch.rows.flatMap((row): Step[] => [
      ...(row.sighting === null ? [] : [{ row, sighting: row.sighting }]),
      ...this.joiner.joinsAfter(row).map((sighting) => ({ row: null, sighting })),
    ]);
    // A dry run has one connection. Whatever fails here is met again when the turn comes.
    const prepared =
      dryRun === null && steps.length > 0
        ? await reconciliation.prepare(this.parts.tenantId, sightingsOf(steps)).catch(() => null)
        : null;
    return { batch, steps, prepared };
  }

  private async take({ batch, steps, prepared }: Turn): Promise<void> {
    const { rejected, checkpoint, tally } = this.parts;
    const refused = new Map<Row, string>();
    const outcomes = await this.settle(steps, prepared, refused);
    steps.forEach(({ row }, i) => {
      const outcome = outcomes[i]!;
      if (row !== null && outcome !== null) {
        tally[outcome]++;
      } else if (outcome === 'merged') {
        tally.joined++;
      }
    });
    const bad = batch.rows
      .filter((row) => row.reason !== null || refused.has(row))
      .map((row) => ({ ...row, reason: row.reason ?? refused.get(row)! }));
    tally.rejected += bad.length;
    await rejected.add(bad);
    if (batch.isResumable) {
      await checkpoint?.save({ place: batch.end, tally, rejectedBytes: rejected.bytes });
    }
  }

  /**
   * Writes the steps in one transaction. If that fails for a reason that lies in one of them, or because others write
   * to the same identities all the time, each half is a transaction of its own, and so on.
   *
   * @param refused is given the rows that the database refuses
   * @returns one outcome a step; null: refused
   */
  private async settle(
    steps: readonly Step[],
    prepared: Prepared | null,
    refused: Map<Row, string>,
  ): Promise<(Outcome | null)[]> {
    if (steps.length === 0) {
      return [];
    }
    try {
      return [...(await this.patiently(sightingsOf(steps), prepared))];
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

  /** Tries again for a while if the database can't serve: whatever of it was written, repeating it is safe. */
  private async patiently(
    sightings: readonly Sighting[],
    prepared: Prepared | null,
  ): Promise<readonly Outcome[]> {
    const { dryRun, reconciliation, patienceMs, onWait, stop } = this.parts;
    const giveUpAt = performance.now() + patienceMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        await dryRun?.prepare(this.parts.tenantId, sightings);
        return await reconciliation.reconcileAll(this.parts.tenantId, sightings, prepared);
      } catch (error) {
        // Fewer sightings have better chances than another try of all.
        const isContended = error instanceof ContentionError && sightings.length === 1;
        const reason = isContended ? 'others change the same identity all the time' : troubleOf(error);
        if (reason === null) {
          throw error;
        }
        if (dryRun !== null) {
          throw new ImportError(`The dry run has lost its connection: ${reason}. Start it again.`);
        }
        if (stop.aborted || performance.now() + waitMs > giveUpAt) {
          throw new ImportError(`The import can't go on: ${reason}.`);
        }
        onWait(reason);
        await sleep(waitMs, undefined, { signal: stop }).catch(() => undefined);
      }
    }
  }
}

function sightingsOf(steps: readonly Step[]): Sighting[] {
  return steps.map(({ sighting }) => sighting);
}

/** Whether a batch has to do with what the one before it writes. */
function isConcerned(next: Turn, before: Turn): boolean {
  const emails = new Set(before.steps.map(({ sighting }) => sighting.email));
  const phoneNumbers = new Set(before.steps.map(({ sighting }) => sighting.phoneNumber));
  const identities = new Set(before.prepared?.identities.map(({ primaryId }) => primaryId));
  return (
    next.steps.some(
      ({ sighting: { email, phoneNumber } }) =>
        (email !== null && emails.has(email)) || (phoneNumber !== null && phoneNumbers.has(phoneNumber)),
    ) || next.prepared?.identities.some(({ primaryId }) => identities.has(primaryId)) === true
  );
}

/** Why the database can't serve; null: the error is something else. */
export function troubleOf(error: unknown): string | null {
  const { cause } = error as { cause?: unknown };
  return unavailability(error) ?? (cause === undefined ? null : unavailability(cause));
}

/** Data that the database can't store, or that breaks a constraint. */
function refusalCode(error: unknown): string | null {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]...$/.test(code) ? code : null;
}

import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import type { Call } from './batching/call.js';
import { DecidedCalls, type Contested } from './batching/decided-calls.js';
import { DecisionWriter, OPTIMISTIC_ATTEMPTS, type Prepared } from './decision-writer.js';
import { liveContacts, viewOf, type IdentityView, type Sighting, type Snapshot } from './domain/contact.js';
import type { Outcome } from './domain/batch.js';
import { reconcile, type Reconciliation } from './domain/reconcile.js';
import { remove } from './domain/remove.js';
import { NO_WRITES, type Writes } from './domain/writes.js';
import { Conflict } from './identity.errors.js';
import { IdentityReader } from './store/identity-reader.js';

/** So often a batch waits for the other batches of this process before it sets its calls aside. */
const MAX_TURNS = 10;

/** The operations on identities. What each decides is in the pure core, how it is written in the decision writer. */
@Injectable()
export class ReconciliationService {
  constructor(
    private readonly reader: IdentityReader,
    private readonly writer: DecisionWriter,
  ) {}

  /**
   * Reconciles sightings as if they came one by one, and answers each as soon as its answer is true: at once if it
   * rests on what is stored, otherwise when the batch is committed. Waits for no other process.
   *
   * @param onDecided told when the identities are read and the first decision on them is made
   * @returns the calls that were not answered because another writer holds their identity: {@link identifyContested} is
   *   for them
   */
  async identify<C extends Call>(
    tenantId: number,
    calls: readonly C[],
    onDecided?: () => void,
  ): Promise<Contested<C>[]> {
    const contested: Contested<C>[] = [];
    const setAside = new Set<C>();
    const open = (): C[] => calls.filter((call) => !call.isEnded && !setAside.has(call));
    // Safe to repeat though the outcome be unknown: sightings that were written are known by then, and write nothing.
    await retryUnavailable(async () => {
      for (let attempt = 1, left = open(); left.length > 0; attempt++, left = open()) {
        const prepared = await this.writer.prepare({ tenantId, sightings: sightingsOf(left) }, (snapshot) =>
          DecidedCalls.on(left, snapshot),
        );
        const { decision } = prepared;
        onDecided?.();
        decision.answerKnown();
        const outcome = await this.writer.tryWrite(tenantId, prepared, attempt);
        if (!(outcome instanceof Conflict)) {
          decision.answerAll(outcome);
        } else if (!isWorthAnother(attempt, outcome)) {
          const lost = decision.contestedBy(outcome.rowIds);
          lost.forEach(({ call }) => setAside.add(call));
          contested.push(...lost);
        }
      }
    });
    return contested;
  }

  /**
   * As {@link identify}, but waits for the other writers: decides under the lock of the identity that is contested.
   *
   * @param primaryId as {@link identify} told it
   * @throws {ContentionError} if it lost every race; calls not answered by then have changed nothing
   */
  async identifyContested(tenantId: number, primaryId: number, calls: readonly Call[]): Promise<void> {
    const { decision, freshIds } = await retryUnavailable(() =>
      this.writer.write(
        { tenantId, sightings: sightingsOf(calls) },
        (snapshot) => DecidedCalls.on(calls, snapshot),
        { lockIds: [primaryId] },
      ),
    );
    decision.answerAll(freshIds);
  }

  /** Decides on sightings before it is their turn, for {@link reconcileAll}. Writes nothing. */
  async prepare(tenantId: number, sightings: readonly Sighting[]): Promise<Prepared<Reconciliation>> {
    return this.writer.prepare({ tenantId, sightings }, (snapshot) => reconcile(snapshot, sightings));
  }

  /**
   * Reconciles sightings as if they came one by one, all in one transaction, and tells what became of each.
   *
   * @param prepared a decision on the same sightings to try first; if it is out of date that is a conflict like any other
   * @throws {ContentionError} if it lost every race; nothing was changed
   */
  async reconcileAll(
    tenantId: number,
    sightings: readonly Sighting[],
    prepared: Prepared<Reconciliation> | null = null,
  ): Promise<readonly Outcome[]> {
    const { decision } = await this.writer.write(
      { tenantId, sightings },
      (snapshot) => reconcile(snapshot, sightings),
      { prepared },
    );
    return decision.outcomes;
  }

  /** The identity that a contact belongs to today; null if the contact is unknown or deleted. */
  async find(tenantId: number, contactId: number): Promise<IdentityView | null> {
    const { identities } = await retryUnavailable(() => this.reader.load({ tenantId, contactId }));
    const [identity] = identities;
    return identity === undefined ? null : viewOf(liveContacts(identity));
  }

  /**
   * Deletes a contact; see {@link remove} for what becomes of the rest.
   *
   * @returns whether there was a live contact to delete
   * @throws {ContentionError} if it lost every race; nothing was changed
   */
  async delete(tenantId: number, contactId: number): Promise<boolean> {
    let isDecided = false;
    const decide = ({ identities: [identity], rules }: Snapshot): { writes: Writes; isFound: boolean } => {
      isDecided = true;
      return identity === undefined
        ? { writes: NO_WRITES, isFound: false }
        : { writes: remove(identity, contactId, rules), isFound: true };
    };
    // Once a deletion may have been written, a repetition could only find the contact gone and call it unknown.
    const { decision } = await retryUnavailable(
      () => this.writer.write({ tenantId, contactId }, decide),
      () => !isDecided,
    );
    return decision.isFound;
  }
}

function sightingsOf(calls: readonly Call[]): Sighting[] {
  return calls.map(({ sighting }) => sighting);
}

/** What lost against a claim may have a chance at once; what another holds or has changed had better wait for it. */
function isWorthAnother(attempt: number, { cause }: Conflict | Conflict<'overtaken'>): boolean {
  return cause === 'overtaken' ? attempt < MAX_TURNS : cause === 'claimed' && attempt < OPTIMISTIC_ATTEMPTS;
}

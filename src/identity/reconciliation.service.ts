import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import type { Call } from './batching/call.js';
import { DecidedCalls, type Contested } from './batching/decided-calls.js';
import { DecisionWriter, OPTIMISTIC_ATTEMPTS, type Prepared } from './decision-writer.js';
import type { IdentityView, Ignored, Sighting, Snapshot } from './domain/contact.js';
import type { Joining, Outcome } from './domain/batch.js';
import { factsOf } from './domain/facts.js';
import { admit } from './domain/policy.js';
import {
  reconcile,
  reconcileRecords,
  type ReconciledRecords,
  type Reconciliation,
} from './domain/reconcile.js';
import { remove } from './domain/remove.js';
import { NO_WRITES, type Writes } from './domain/writes.js';
import { Conflict, IdentifiersBlockedError } from './identity.errors.js';
import { LARGE_CONTACTS } from './large.js';
import { PolicyDirectory } from './policy-directory.js';
import { ReadLanes } from './read-lanes.js';
import { ReadSources } from './read-sources.js';
import type { PlainSelection } from './store/snapshot-rows.js';
import { Tombstones } from './tombstones.js';
import { IdentityReader } from './store/identity-reader.js';

/** How often a batch waits for other batches of this process before it sets its calls aside. */
const MAX_TURNS = 10;

/** The effect of a sighting. */
export interface Effect {
  readonly outcome: Outcome;
  readonly ignored: readonly Ignored[];
  /** Null: it names nobody it is the same as. */
  readonly joining: Joining | null;
}

interface IdentifyOptions {
  readonly maxRows?: number;
  readonly onDecided?: () => void;
  readonly onUnavailable?: () => void;
}

/** The operations on identities. The pure core decides, and the decision writer writes. */
@Injectable()
export class ReconciliationService {
  /** By tenant and contact: another tenant must not even wait for it. */
  private readonly deletionsUnderWay = new Map<string, Promise<unknown>>();

  constructor(
    private readonly reader: IdentityReader,
    private readonly writer: DecisionWriter,
    private readonly lanes: ReadLanes,
    private readonly sources: ReadSources,
    private readonly policies: PolicyDirectory,
    private readonly tombstones: Tombstones,
  ) {}

  /**
   * Reconciles sightings as if they arrived one by one, and answers each as soon as its answer is true: at once if it rests
   * only on stored rows, otherwise when the batch is committed. Waits for no other process.
   *
   * @param options `maxRows`: the most rows that it may read; `onDecided`: called when the identities are read and the first
   *   decision is made; `onUnavailable`: called each time that the database could not serve it and it is tried again
   * @returns the calls that were not answered: `contested`, because another writer holds their identity (use
   *   {@link identifyContested}); `unread`, because together they have more rows than it may read
   */
  async identify<C extends Call>(
    tenantId: number,
    calls: readonly C[],
    { maxRows = Infinity, onDecided, onUnavailable }: IdentifyOptions = {},
  ): Promise<{ readonly contested: readonly Contested<C>[]; readonly unread: readonly C[] }> {
    const contested: Contested<C>[] = [];
    let unread: readonly C[] = [];
    const setAside = new Set<C>();
    const open = (): C[] => calls.filter((call) => !call.isEnded && !setAside.has(call));
    // Safe to repeat after an unknown outcome: sightings that were written are known then, and write nothing.
    await retryUnavailable(async () => {
      for (let attempt = 1, left = open(); left.length > 0; attempt++, left = open()) {
        const prepared = await this.writer.prepareAtMost(
          maxRows,
          { tenantId, sightings: sightingsOf(left) },
          (snapshot) => DecidedCalls.on(left, snapshot),
        );
        if (prepared === null) {
          unread = left;
          return;
        }
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
    }, andTell(onUnavailable));
    return { contested, unread };
  }

  /** Whether a sighting is about an identity that was large when it was last read. */
  isAboutLarge(tenantId: number, sighting: Sighting): boolean {
    return this.reader.isAboutLarge(tenantId, sighting);
  }

  /**
   * Like {@link identify}, but waits for the other writers: decides under the lock of the contested identity.
   *
   * @param primaryId as returned by {@link identify}
   * @throws {ContentionError} if it lost every race; calls not answered by then have changed nothing
   */
  async identifyContested(
    tenantId: number,
    primaryId: number,
    calls: readonly Call[],
    onUnavailable?: () => void,
  ): Promise<void> {
    const written = await retryUnavailable(
      () =>
        this.writer.write(
          { tenantId, sightings: sightingsOf(calls) },
          (snapshot) => DecidedCalls.on(calls, snapshot),
          { lockIds: [primaryId] },
        ),
      andTell(onUnavailable),
    );
    written.decision.answerAll(written);
  }

  /**
   * The answer that a sighting would get now, with provisional ids, and its effect. Writes nothing.
   *
   * @throws {IdentifiersBlockedError} if none of its identifiers may be used
   */
  async preview(
    tenantId: number,
    sighting: Sighting,
  ): Promise<{ readonly view: IdentityView; readonly outcome: Outcome }> {
    const selection = { tenantId, sightings: [sighting] };
    const decide = (snapshot: Snapshot): Reconciliation => reconcile(snapshot, [sighting]);
    const { decision } = await this.lanes.readAny(
      tenantId,
      () => this.writer.prepareAtMost(LARGE_CONTACTS, selection, decide),
      () => this.writer.prepare(selection, decide),
    );
    const { view, ignored } = decision.answers[0]!;
    if (view === null) {
      throw new IdentifiersBlockedError(ignored ?? []);
    }
    return { view, outcome: decision.outcomes[0]! };
  }

  /** Decides on sightings in advance, for {@link reconcileAll}. Writes nothing. */
  async prepare(tenantId: number, sightings: readonly Sighting[]): Promise<Prepared<ReconciledRecords>> {
    const { admitted } = await this.admitAll(tenantId, sightings);
    return this.writer.prepare({ tenantId, sightings: admitted }, (snapshot) =>
      ofImport(reconcileRecords(snapshot, admitted)),
    );
  }

  /**
   * Reconciles sightings as if they arrived one by one, in one transaction, and returns the effect of each, and what was left out
   * of it.
   *
   * @param prepared a decision on the same sightings to try first; if it is out of date, that is a conflict like any other
   * @throws {ContentionError} if it lost every race; nothing was changed
   */
  async reconcileAll(
    tenantId: number,
    sightings: readonly Sighting[],
    prepared: Prepared<ReconciledRecords> | null = null,
  ): Promise<readonly Effect[]> {
    const { admitted, isErased } = await this.admitAll(tenantId, sightings);
    const { decision } = await this.writer.write(
      { tenantId, sightings: admitted },
      (snapshot) => ofImport(reconcileRecords(snapshot, admitted)),
      // It may have been prepared before something was erased.
      { prepared: isErased ? null : prepared },
    );
    const { outcomes, ignored, joinings } = decision;
    return outcomes.map((outcome, i) => ({
      outcome,
      ignored: ignored[i]!,
      joining: joinings?.get(i) ?? null,
    }));
  }

  /** Records without what is blocked or erased, and whether something of them was erased. */
  async admitAll(
    tenantId: number,
    sightings: readonly Sighting[],
  ): Promise<{ readonly admitted: readonly Sighting[]; readonly isErased: boolean }> {
    const policy = await this.policies.of(tenantId);
    const allowed = sightings.map((sighting) => admit(policy, sighting));
    const admitted = await this.tombstones.admitAll(tenantId, allowed);
    return { admitted, isErased: admitted.some((sighting, i) => sighting !== allowed[i]) };
  }

  /** The identity that a contact belongs to today; null if the contact is unknown or deleted. */
  async find(tenantId: number, contactId: number): Promise<IdentityView | null> {
    const selection = { tenantId, contactIds: [contactId] };
    const { identities } = await this.sources.readAny(
      tenantId,
      ({ reader }) => reader.loadAtMost(LARGE_CONTACTS, selection),
      () => this.readLarge(selection),
      { isCached: true },
    );
    const [identity] = identities;
    return identity === undefined ? null : factsOf(identity).view;
  }

  /** Reads a large identity. If this process has just changed it, the cache has it by now. */
  private async readLarge(selection: PlainSelection): Promise<Snapshot> {
    await this.writer.largeWritesEnd(selection);
    return (await this.reader.loadAtMost(LARGE_CONTACTS, selection)) ?? this.reader.load(selection);
  }

  /**
   * Deletes a contact; {@link remove} decides what happens to the rest.
   *
   * @param requestId the id of the call; absent: it is none
   * @returns whether there was a live contact to delete
   * @throws {ContentionError} if it lost every race; nothing was changed
   */
  async delete(tenantId: number, contactId: number, requestId?: string): Promise<boolean> {
    // A repeated call, because the first one takes longer than its caller may wait, joins the running deletion.
    const key = `${tenantId} ${contactId}`;
    await this.deletionsUnderWay.get(key)?.catch(() => undefined);
    let isDecided = false;
    const selection = { tenantId, contactIds: [contactId] };
    const decide = ({ identities: [identity], rules }: Snapshot): { writes: Writes; isFound: boolean } => {
      isDecided = true;
      return identity === undefined
        ? { writes: NO_WRITES, isFound: false }
        : { writes: askedBy(requestId, remove(identity, contactId, rules)), isFound: true };
    };
    // Once a deletion may have been written, a repetition might find no contact and wrongly report it as unknown.
    const deletion = retryUnavailable(
      () => this.writer.writeInTurn(selection, decide),
      () => !isDecided,
    );
    this.deletionsUnderWay.set(key, deletion);
    try {
      return (await deletion).decision.isFound;
    } finally {
      this.deletionsUnderWay.delete(key);
    }
  }
}

function askedBy(requestId: string | undefined, writes: Writes): Writes {
  const { deletion } = writes;
  return requestId === undefined || deletion === null
    ? writes
    : { ...writes, deletion: { ...deletion, requestId } };
}

/** Repeats work that the database could not serve, and tells of it. */
function andTell(onUnavailable: (() => void) | undefined): () => true {
  return () => {
    onUnavailable?.();
    return true;
  };
}

function ofImport(reconciled: ReconciledRecords): ReconciledRecords {
  return { ...reconciled, writes: { ...reconciled.writes, isImport: true } };
}

function sightingsOf(calls: readonly Call[]): Sighting[] {
  return calls.map(({ sighting }) => sighting);
}

/** A call that lost against a claim may succeed at once. A call whose rows another writer holds or has changed should wait. */
function isWorthAnother(attempt: number, { cause }: Conflict | Conflict<'overtaken'>): boolean {
  return cause === 'overtaken' ? attempt < MAX_TURNS : cause === 'claimed' && attempt < OPTIMISTIC_ATTEMPTS;
}

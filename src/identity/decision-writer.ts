import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import { Settings } from '../config/settings.js';
import type { Snapshot } from './domain/contact.js';
import { withRules } from './domain/rules.js';
import { isNothing, type Writes } from './domain/writes.js';
import { Conflict, ContentionError } from './identity.errors.js';
import { IdentityMetrics } from './identity.metrics.js';
import { ContactRepository, type Committed, type Selection } from './store/contact.repository.js';
import { Contact } from './store/entities/contact.js';
import { IdentityReader } from './store/identity-reader.js';

/** After so many lost races a decision locks its rows before it is made again. */
export const OPTIMISTIC_ATTEMPTS = 3;
/** A decision under locks loses only to identities that were not involved before; so many would be a storm of merges. */
const MAX_ATTEMPTS = 40;
/** No attempt begins later than this after the first. */
const ATTEMPTS_WITHIN_MS = 5_000;
/** Decisions under locks at once; each holds a connection for as long as it waits for another writer. */
const LOCKED_AT_ONCE = 4;
/** How long a decision waits for another write of this process to the same identities. */
const TURN_WITHIN_MS = 1_000;

/** What a decision function returns: what is to be written, and whatever else its caller wants to know of it. */
export interface Decision {
  readonly writes: Writes;
}

/** A decision, and what it rests on. */
export interface Prepared<D extends Decision> {
  readonly snapshot: Snapshot;
  readonly decision: D;
}

/** A decision that holds. */
export interface Written<D extends Decision> {
  /** As it was made in the attempt that was committed, with provisional ids */
  readonly decision: D;
  /** The ids of its newcomers, in order */
  readonly freshIds: readonly number[];
}

/**
 * Gets a decision written: loads, decides, applies, and does it again if another writer was faster.
 *
 * It knows nothing of what is decided: reconciling, deleting and every change by hand go through it.
 */
@Injectable()
export class DecisionWriter {
  private readonly logger = new Logger('DecisionWriter');
  private readonly locked: LimitFunction;
  /** By primary: the write of this process that is under way to its identity. */
  private readonly underWay = new Map<number, Promise<unknown>>();

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    private readonly reader: IdentityReader,
    settings: Settings,
    private readonly metrics: IdentityMetrics,
  ) {
    contacts.onConflict = (cause) => metrics.conflict(cause);
    const spare = settings.databasePoolMax - settings.batchLanes;
    this.locked = pLimit(Math.max(1, Math.min(LOCKED_AT_ONCE, spare)));
  }

  /**
   * Decides until a decision is written, or there is nothing to write: three times on what is stored, then under the
   * locks of the identities that the decisions before touched. Bounded in attempts and in time.
   *
   * A lost connection does not tell whether the last commit was carried out: the caller must know whether it may repeat.
   *
   * @param decide called once an attempt, with what is stored then; must be pure
   * @param from `prepared`: a decision to try first, of which an outdated one is a conflict like any other; `lockIds`:
   *   primaries to lock, where it is known that deciding without locks has no chance
   * @throws {ContentionError} if it lost every race; nothing was changed
   */
  async write<D extends Decision>(
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
    from: { readonly prepared?: Prepared<D> | null; readonly lockIds?: readonly number[] } = {},
  ): Promise<Written<D>> {
    const { tenantId } = selection;
    const deadline = performance.now() + ATTEMPTS_WITHIN_MS;
    const lockIds = new Set(from.lockIds);
    const firstAttempt = lockIds.size === 0 ? 1 : OPTIMISTIC_ATTEMPTS + 1;
    let prepared = from.prepared ?? null;
    for (let attempt = firstAttempt; attempt <= MAX_ATTEMPTS && performance.now() < deadline; attempt++) {
      const made =
        attempt <= OPTIMISTIC_ATTEMPTS
          ? await this.decideAndTry(tenantId, prepared ?? (await this.prepare(selection, decide)), attempt)
          : await this.decideUnderLocks(selection, decide, [...lockIds], { attempt, deadline });
      if (!(made instanceof Lost)) {
        return made;
      }
      prepared = null;
      made.primaryIds.forEach((id) => lockIds.add(id));
      this.logger.debug(`Conflict at attempt ${attempt}: another writer was faster`);
      await sleep(Math.random() * Math.min(2 ** attempt, 50));
    }
    this.metrics.gaveUp();
    throw new ContentionError();
  }

  /** Loads and decides, and writes nothing. */
  async prepare<D extends Decision>(
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
  ): Promise<Prepared<D>> {
    return this.decideOn(selection, await this.reader.load(selection), decide);
  }

  /** As {@link prepare}, but gives up, with null, if there are more rows to read than `maxRows`. */
  async prepareAtMost<D extends Decision>(
    maxRows: number,
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
  ): Promise<Prepared<D> | null> {
    const snapshot = await this.reader.loadAtMost(maxRows, selection);
    return snapshot && this.decideOn(selection, snapshot, decide);
  }

  /**
   * One attempt to write a decision. Waits for no writer of another process, and for those of this one not for long: it
   * is not left to the database to find these out, since a hot identity would be read and decided on many times over.
   *
   * @param attempt which one it is, from 1; for the metrics
   * @returns the ids of the newcomers, or a conflict: nothing was written
   */
  async tryWrite(
    tenantId: number,
    made: Prepared<Decision>,
    attempt: number,
  ): Promise<readonly number[] | Conflict | Conflict<'overtaken'>> {
    const { snapshot, decision } = made;
    const { writes } = decision;
    if (isNothing(writes)) {
      this.metrics.settled(attempt, writes);
      return [];
    }
    const primaryIds = touchedPrimaries(snapshot, writes);
    const rivals = new Set(primaryIds.flatMap((id) => this.underWay.get(id) ?? []));
    if (rivals.size > 0) {
      await settledWithin(rivals, TURN_WITHIN_MS);
      return new Conflict('overtaken', primaryIds);
    }
    const write = this.contacts.apply(tenantId, writes);
    primaryIds.forEach((id) => this.underWay.set(id, write));
    try {
      const outcome = await write;
      return outcome instanceof Conflict ? outcome : this.settle(tenantId, made, outcome, attempt);
    } finally {
      primaryIds.forEach((id) => this.underWay.delete(id));
    }
  }

  /** Decides, with the rules that the decision asks for. */
  private async decideOn<D extends Decision>(
    { tenantId }: Selection,
    loaded: Snapshot,
    decide: (snapshot: Snapshot) => D,
  ): Promise<Prepared<D>> {
    for (let snapshot = loaded; ;) {
      const decision = decide(snapshot);
      const { unknownRules } = decision.writes;
      if (unknownRules.length === 0) {
        return { snapshot, decision };
      }
      snapshot = withRules(snapshot, await this.contacts.loadRules(tenantId, unknownRules));
    }
  }

  private async decideAndTry<D extends Decision>(
    tenantId: number,
    prepared: Prepared<D>,
    attempt: number,
  ): Promise<Written<D> | Lost> {
    const { snapshot, decision } = prepared;
    const outcome = await this.tryWrite(tenantId, prepared, attempt);
    return outcome instanceof Conflict
      ? new Lost(touchedPrimaries(snapshot, decision.writes))
      : { decision, freshIds: outcome };
  }

  /** Waits for the writers that hold the identities; so does the attempt after it, with what this one found to be touched. */
  private async decideUnderLocks<D extends Decision>(
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
    lockIds: readonly number[],
    { attempt, deadline }: { readonly attempt: number; readonly deadline: number },
  ): Promise<Written<D> | Lost> {
    return this.locked(async () => {
      if (performance.now() > deadline) {
        return new Lost([]);
      }
      const made: Prepared<D>[] = [];
      const outcome = await this.contacts.applyLocked(
        selection,
        lockIds,
        (snapshot) => {
          this.reader.keep(selection, snapshot.identities);
          const decision = decide(snapshot);
          made.push({ snapshot, decision });
          return decision.writes;
        },
        this.reader.known(selection),
      );
      const last = made.at(-1);
      if (outcome instanceof Conflict || last === undefined) {
        return new Lost(last === undefined ? [] : touchedPrimaries(last.snapshot, last.decision.writes));
      }
      return {
        decision: last.decision,
        freshIds: this.settle(selection.tenantId, last, outcome, attempt),
      };
    });
  }

  private settle(
    tenantId: number,
    { snapshot, decision: { writes } }: Prepared<Decision>,
    committed: Committed,
    attempt: number,
  ): readonly number[] {
    this.metrics.settled(attempt, writes);
    this.reader.keepWritten(tenantId, snapshot.identities, writes, committed);
    return committed.freshIds;
  }
}

/** An attempt that another writer was faster than, and the primaries of the identities that it touched. */
class Lost {
  constructor(readonly primaryIds: readonly number[]) {}
}

/** Whoever changes an identity touches its primary, so that the primaries stand for all of it. */
function touchedPrimaries({ identities }: Snapshot, { touched }: Writes): number[] {
  const touchedIds = new Set(touched.map(({ id }) => id));
  return identities.map(({ primaryId }) => primaryId).filter((id) => touchedIds.has(id));
}

async function settledWithin(promises: Iterable<Promise<unknown>>, ms: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([Promise.allSettled(promises), late]);
  timer.abort();
}

import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Settings } from '../config/settings.js';
import { MAX_WAIT_MS } from './batching/call.js';
import type { Snapshot } from './domain/contact.js';
import { asksForMore, isNothing, type Writes } from './domain/writes.js';
import { Conflict, ContentionError } from './identity.errors.js';
import { IdentityMetrics } from './identity.metrics.js';
import { LARGE_CONTACTS } from './large.js';
import { TenantLimit } from './tenant-limit.js';
import { tooManyAboutLarge } from './read-lanes.js';
import { ContactRepository, type Selection } from './store/contact.repository.js';
import type { Drawn } from './store/write-queries.js';
import { Contact } from './store/entities/contact.js';
import { IdentityReader } from './store/identity-reader.js';

/** After this many lost races a decision locks its rows before the next attempt. */
export const OPTIMISTIC_ATTEMPTS = 3;
/** A decision under locks loses only if new identities come in. This many in a row would need a storm of merges. */
const MAX_ATTEMPTS = 40;
/** No attempt starts later than this after the first. */
const ATTEMPTS_WITHIN_MS = 5_000;
/** Decisions under locks at once; each holds a connection for as long as it waits for another writer. */
const LOCKED_AT_ONCE = 4;
/** A decision that waits longer for a lock, which takes 1 s at most, holds its tenant back. */
const PATIENCE_MS = 800;
/** Decisions about large identities that wait for their turn. */
const LARGE_WAITING = 256;
/** How long a decision waits for another write of this process to the same identities. */
const TURN_WITHIN_MS = 1_000;

/** What a decision function returns: the writes, and anything else that its caller needs. */
export interface Decision {
  readonly writes: Writes;
}

/** A decision, and what it rests on. */
export interface Prepared<D extends Decision> {
  readonly snapshot: Snapshot;
  readonly decision: D;
}

/** A decision that was written, or that had nothing to write, and what was drawn for it. */
export interface Written<D extends Decision> extends Drawn {
  /** As it was made in the attempt that was committed, with provisional ids */
  readonly decision: D;
}

/** What is drawn for a decision that writes nothing. */
export const NOTHING_DRAWN: Drawn = {
  freshIds: [],
  mergeIds: [],
  ruleIds: [],
  reviewIds: [],
  changeId: null,
  now: 0,
};

/**
 * Writes a decision: loads, decides, applies, and repeats if another writer was faster.
 *
 * It does not know what is decided: reconciling, deleting and every change by hand use it.
 */
@Injectable()
export class DecisionWriter {
  private readonly logger = new Logger('DecisionWriter');
  private readonly locked: TenantLimit;
  /** One at a time, because of the memory and the time that it takes from others. */
  private readonly large = new TenantLimit({
    atOnce: 1,
    patienceMs: PATIENCE_MS,
    aside: 1,
    maxWaiting: LARGE_WAITING,
    waitMs: MAX_WAIT_MS,
    refusal: tooManyAboutLarge,
  });
  /** By primary: the running write of this process to its identity. */
  private readonly underWay = new Map<number, Promise<unknown>>();

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    private readonly reader: IdentityReader,
    settings: Settings,
    private readonly metrics: IdentityMetrics,
  ) {
    contacts.leavesEvents = settings.hasEvents;
    contacts.onConflict = (cause) => metrics.conflict(cause);
    contacts.onReviewsDecided = (decision, count) => metrics.reviewsDecided(decision, count);
    const spare = settings.databasePoolMax - settings.batchLanes;
    this.locked = new TenantLimit({
      atOnce: Math.max(1, Math.min(LOCKED_AT_ONCE, spare)),
      patienceMs: PATIENCE_MS,
      aside: 2,
      maxWaiting: Infinity,
      waitMs: Infinity,
      refusal: () => new ContentionError(),
    });
  }

  /**
   * Decides until a decision is written, or there is nothing to write: three times without locks, then under the locks of the
   * identities that earlier decisions touched. Bounded in attempts and in time.
   *
   * After a lost connection nobody knows whether the last commit took place. The caller must know whether it may repeat.
   *
   * @param decide called once per attempt, with what is stored then; must be pure
   * @param from `prepared`: a decision to try first; if it is outdated, that is a conflict like any other. `lockIds`: primaries
   *   to lock at once, if deciding without locks has no chance
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

  /**
   * Like {@link write}, for one call by hand. If it is about large identities, it waits until no other such call is under way.
   *
   * @throws {OverloadedError} if too many wait, or one waits too long; nothing was changed
   */
  async writeInTurn<D extends Decision>(
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
  ): Promise<Written<D>> {
    const prepared = await this.prepareAtMost(LARGE_CONTACTS, selection, decide);
    return prepared === null
      ? this.large.run(selection.tenantId, () => this.write(selection, decide))
      : this.write(selection, decide, { prepared });
  }

  /** Loads and decides, and writes nothing. */
  async prepare<D extends Decision>(
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
  ): Promise<Prepared<D>> {
    return this.decideOn(selection, await this.reader.load(selection), decide);
  }

  /** Like {@link prepare}; null if there are more rows to read than `maxRows`. */
  async prepareAtMost<D extends Decision>(
    maxRows: number,
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
  ): Promise<Prepared<D> | null> {
    await this.largeWritesEnd(selection);
    const snapshot = await this.reader.loadAtMost(maxRows, selection);
    return snapshot && this.decideOn(selection, snapshot, decide);
  }

  /**
   * One attempt to write a decision. Waits for no writer of another process, and only briefly for writers of this process.
   * This process tracks its own writers, because otherwise a hot identity would be read and decided many times.
   *
   * @param attempt which one it is, from 1; for the metrics
   * @returns what was drawn for it, or a conflict: nothing was written
   */
  async tryWrite(
    tenantId: number,
    made: Prepared<Decision>,
    attempt: number,
  ): Promise<Drawn | Conflict | Conflict<'overtaken'>> {
    const { snapshot, decision } = made;
    const { writes } = decision;
    if (isNothing(writes)) {
      this.metrics.settled(attempt, snapshot, writes);
      return NOTHING_DRAWN;
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

  /**
   * Waits briefly for the running writes of this process to large identities that may be selected. A read before their end
   * would be outdated, and a read just after their commit would miss the cache and read all rows.
   */
  async largeWritesEnd(selection: Selection): Promise<void> {
    if (this.underWay.size === 0) {
      return;
    }
    const large = this.reader.known(selection).filter(({ rows }) => rows.length >= LARGE_CONTACTS);
    const writes = new Set(large.flatMap(({ primaryId }) => this.underWay.get(primaryId) ?? []));
    if (writes.size > 0) {
      await settledWithin(writes, TURN_WITHIN_MS);
    }
  }

  /** Decides, and reads the rules and reviews that the decision needs. */
  private async decideOn<D extends Decision>(
    { tenantId }: Selection,
    loaded: Snapshot,
    decide: (snapshot: Snapshot) => D,
  ): Promise<Prepared<D>> {
    for (let snapshot = loaded; ;) {
      const decision = decide(snapshot);
      if (!asksForMore(decision.writes)) {
        return { snapshot, decision };
      }
      snapshot = await this.contacts.withMore(tenantId, snapshot, decision.writes);
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
      : { decision, ...outcome };
  }

  /** Waits for the writers that hold the identities. The next attempt locks what this one touched, and waits too. */
  private async decideUnderLocks<D extends Decision>(
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
    lockIds: readonly number[],
    { attempt, deadline }: { readonly attempt: number; readonly deadline: number },
  ): Promise<Written<D> | Lost> {
    return this.locked.run(selection.tenantId, async () => {
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
      if (outcome instanceof Conflict) {
        return new Lost(
          last === undefined ? outcome.rowIds : touchedPrimaries(last.snapshot, last.decision.writes),
        );
      }
      if (last === undefined) {
        throw new Error('something was written that nobody decided');
      }
      return { decision: last.decision, ...this.settle(selection.tenantId, last, outcome, attempt) };
    });
  }

  private settle(
    tenantId: number,
    { snapshot, decision: { writes } }: Prepared<Decision>,
    drawn: Drawn,
    attempt: number,
  ): Drawn {
    this.metrics.settled(attempt, snapshot, writes);
    this.reader.keepWritten(tenantId, snapshot.identities, writes, drawn);
    return drawn;
  }
}

/** An attempt that lost against another writer, and the primaries of the identities that it touched. */
class Lost {
  constructor(readonly primaryIds: readonly number[]) {}
}

/** Every change of an identity touches its primary, so the primary stands for the whole identity. */
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

import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import { Settings } from '../config/settings.js';
import { retryUnavailable } from '../database/session/retry.js';
import { IdentityMetrics } from './identity.metrics.js';
import { ContactRepository, type Selection } from './store/contact.repository.js';
import { Conflict } from './identity.errors.js';
import { ContentionError } from './identity.errors.js';
import { liveContacts, viewOf, type Identity, type IdentityView, type Sighting } from './domain/contact.js';
import type { Outcome } from './domain/batch.js';
import { reconcile, type Reconciliation } from './domain/reconcile.js';
import { remove } from './domain/remove.js';
import { NO_WRITES, isNothing, type Writes } from './domain/writes.js';
import { Contact } from './store/entities/contact.js';
import { IdentityCache } from './store/identity-cache.js';
import { OpenCalls, type Call, type Contested } from './batching/open-calls.js';

/** After so many lost races a decision locks its rows before it is made again. */
const OPTIMISTIC_ATTEMPTS = 3;
/** A turn under locks loses only to identities that were not involved before; so many would be a storm of merges. */
const MAX_ATTEMPTS = 40;
/** No caller is kept waiting for longer than this while the races go on. */
const DEADLINE_MS = 5_000;

/** Turns under locks at once; each holds a connection for as long as it waits for another writer. */
const LOCKED_TURNS = 4;

/** A decision made ahead of its turn, and the identities that it rests on. */
export interface Prepared {
  readonly identities: readonly Identity[];
  readonly decision: Reconciliation;
}

/** The shell around the pure core: load, decide, apply, and once more if another process was faster. */
@Injectable()
export class ReconciliationService {
  private readonly logger = new Logger('Reconciliation');

  private readonly cache: IdentityCache;
  private readonly lockedTurns: LimitFunction;
  /** By contact: the write of a batch under way that touches it. */
  private readonly writing = new Map<number, Promise<unknown>>();

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    settings: Settings,
    private readonly metrics: IdentityMetrics,
  ) {
    contacts.onConflict = (cause) => metrics.conflict(cause);
    this.cache = new IdentityCache(settings.identityCacheMinContacts, settings.identityCacheBytes);
    const spare = settings.databasePoolMax - settings.batchLanes;
    this.lockedTurns = pLimit(Math.max(1, Math.min(LOCKED_TURNS, spare)));
  }

  /**
   * Reconciles sightings as if they came one by one, and answers each as soon as its answer is true: at once if it
   * rests on what is stored, otherwise when the batch is committed. Waits for no other writer.
   *
   * @param onDecided told when the identities are read and the first decision on them is made
   * @returns the calls that another writer is in the way of, not answered: {@link identifyContested} is for them
   */
  async identify<C extends Call>(
    tenantId: number,
    calls: readonly C[],
    onDecided?: () => void,
  ): Promise<Contested<C>[]> {
    const open = new OpenCalls(tenantId, calls);
    const contested: Contested<C>[] = [];
    // Safe to repeat though the outcome be unknown: sightings that were written are known by then, and write nothing.
    await retryUnavailable(async () => {
      for (let attempt = 1; !open.isEmpty; attempt++) {
        const writes = open.decide(await this.load(open.selection));
        onDecided?.();
        const outcome = isNothing(writes) ? [] : await this.applyInTurn(tenantId, writes);
        if (outcome === null) {
          continue;
        }
        if (!(outcome instanceof Conflict)) {
          this.metrics.settled(attempt, writes);
          open.answer(outcome);
        } else if (outcome.cause !== 'claimed' || attempt >= OPTIMISTIC_ATTEMPTS) {
          contested.push(...open.takeContested(outcome.rowIds));
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
    const open = new OpenCalls(tenantId, calls);
    const freshIds = await retryUnavailable(() =>
      this.settle(
        () => open.selection,
        (identities) => open.decide(identities),
        { attempt: OPTIMISTIC_ATTEMPTS + 1, lockIds: [primaryId] },
      ),
    );
    open.answer(freshIds);
  }

  /** Decides on sightings before it is their turn, for {@link reconcileAll}. Writes nothing. */
  async prepare(tenantId: number, sightings: readonly Sighting[]): Promise<Prepared> {
    const identities = await this.load({ tenantId, sightings });
    return { identities, decision: reconcile(identities, sightings) };
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
    prepared: Prepared | null = null,
  ): Promise<readonly Outcome[]> {
    let outcomes: readonly Outcome[] = [];
    let ahead = prepared;
    await this.settle(
      () => ({ tenantId, sightings }),
      (identities) => {
        const decision = ahead?.decision ?? reconcile(identities, sightings);
        ahead = null;
        outcomes = decision.outcomes;
        return decision.writes;
      },
      { loaded: prepared?.identities ?? null },
    );
    return outcomes;
  }

  /** The identity that a contact belongs to today; null if the contact is unknown or deleted. */
  async find(tenantId: number, contactId: number): Promise<IdentityView | null> {
    const [identity] = await retryUnavailable(() => this.contacts.load({ tenantId, contactId }));
    return identity === undefined ? null : viewOf(liveContacts(identity));
  }

  /**
   * Deletes a contact; see {@link remove} for what becomes of the rest.
   *
   * @returns whether there was a live contact to delete
   * @throws {ContentionError} if it lost every race; nothing was changed
   */
  async delete(tenantId: number, contactId: number): Promise<boolean> {
    let isFound = false;
    let isDecided = false;
    const decide = ([identity]: Identity[]): Writes => {
      isDecided = true;
      isFound = identity !== undefined;
      return identity === undefined ? NO_WRITES : remove(identity, contactId);
    };
    // Once a deletion may have been written, a repetition could only find the contact gone and call it unknown.
    await retryUnavailable(
      () => this.settle(() => ({ tenantId, contactId }), decide),
      () => !isDecided,
    );
    return isFound;
  }

  /**
   * Writes a decision, unless another batch of this process is writing to the same identities: null after its end, and
   * the decision must be made again. It is not left to the database to find that out, since calls that it finds contested
   * leave their batch, and a hot identity would be read and decided on many times over.
   */
  private async applyInTurn(tenantId: number, writes: Writes): Promise<number[] | Conflict | null> {
    const rivals = new Set(writes.touched.flatMap(({ id }) => this.writing.get(id) ?? []));
    if (rivals.size > 0) {
      await Promise.allSettled(rivals);
      return null;
    }
    const write = this.contacts.apply(tenantId, writes);
    writes.touched.forEach(({ id }) => this.writing.set(id, write));
    try {
      return await write;
    } finally {
      writes.touched.forEach(({ id }) => this.writing.delete(id));
    }
  }

  /** Reads through the cache of large identities. */
  private async load(selection: Selection): Promise<Identity[]> {
    const identities = await this.contacts.load(selection, this.known(selection));
    this.keep(selection, identities);
    return identities;
  }

  private known(selection: Selection): readonly Identity[] {
    return 'sightings' in selection ? this.cache.candidates(selection.tenantId, selection.sightings) : [];
  }

  private keep({ tenantId }: Selection, identities: readonly Identity[]): void {
    identities.forEach((identity) => this.cache.keep(tenantId, identity));
  }

  /**
   * Loads, decides and applies until a decision is written or there is nothing to write; returns the fresh ids.
   *
   * @param from `attempt`: the number of the first one; `loaded`: the identities to decide on in it; `lockIds`: contacts
   *   to lock for one under locks
   */
  private async settle(
    select: () => Selection,
    decide: (identities: Identity[]) => Writes,
    from: {
      readonly attempt?: number;
      readonly loaded?: readonly Identity[] | null;
      readonly lockIds?: readonly number[];
    } = {},
  ): Promise<number[]> {
    let { loaded = null } = from;
    let writes = NO_WRITES;
    const touchedSoFar = new Set(from.lockIds);
    const deadline = performance.now() + DEADLINE_MS;
    for (
      let attempt = from.attempt ?? 1;
      attempt <= MAX_ATTEMPTS && performance.now() < deadline;
      attempt++
    ) {
      const selection = select();
      let outcome: number[] | Conflict;
      if (attempt <= OPTIMISTIC_ATTEMPTS) {
        writes = decide(loaded === null ? await this.load(selection) : [...loaded]);
        loaded = null;
        outcome = isNothing(writes) ? [] : await this.contacts.apply(selection.tenantId, writes);
      } else {
        outcome = await this.lockedTurns(() =>
          performance.now() > deadline
            ? new Conflict('lock_timeout')
            : this.contacts.applyLocked(
                selection,
                [...touchedSoFar],
                (identities) => {
                  this.keep(selection, identities);
                  return (writes = decide(identities));
                },
                this.known(selection),
              ),
        );
      }
      if (!(outcome instanceof Conflict)) {
        this.metrics.settled(attempt, writes);
        return outcome;
      }
      writes.touched.forEach(({ id }) => touchedSoFar.add(id));
      this.logger.debug(`Conflict at attempt ${attempt}: another writer was faster`);
      await sleep(Math.random() * Math.min(2 ** attempt, 50));
    }
    this.metrics.gaveUp();
    throw new ContentionError();
  }
}

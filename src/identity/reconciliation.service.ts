import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Settings } from '../config/settings.js';
import { retryUnavailable } from '../database/retry.js';
import { IdentityMetrics } from '../metrics/identity-metrics.js';
import { ContactRepository, type Selection } from './contact.repository.js';
import { ContentionError } from './contention.error.js';
import { liveContacts, viewOf, type Identity, type IdentityView, type Sighting } from './domain/contact.js';
import type { Outcome } from './domain/batch.js';
import { reconcile, type Reconciliation } from './domain/reconcile.js';
import { remove } from './domain/remove.js';
import { NO_WRITES, isNothing, withRealIds, type Writes } from './domain/writes.js';
import { Contact } from './entities/contact.js';
import { IdentityCache } from './identity-cache.js';

/** After so many lost races a decision locks its rows before it is made again. */
const OPTIMISTIC_ATTEMPTS = 3;
/** A turn under locks loses only to identities that were not involved before; so many would be a storm of merges. */
const MAX_ATTEMPTS = 40;
/** No caller is kept waiting for longer than this while the races go on. */
const DEADLINE_MS = 5_000;

/** A sighting, and where its answer goes. */
export interface Call {
  readonly sighting: Sighting;
  readonly answer: (view: IdentityView) => void;
}

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

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    settings: Settings,
    private readonly metrics: IdentityMetrics,
  ) {
    contacts.onConflict = (cause) => metrics.conflict(cause);
    this.cache = new IdentityCache(settings.identityCacheMinContacts, settings.identityCacheBytes);
  }

  /**
   * Reconciles sightings as if they came one by one, and answers each as soon as its answer is true: at once if it
   * rests on what is stored, otherwise when the batch is committed.
   *
   * @param onDecided told when the identities are read and the first decision on them is made
   * @throws {ContentionError} if it lost every race; calls not answered by then have changed nothing
   */
  async identify(tenantId: number, calls: readonly Call[], onDecided?: () => void): Promise<void> {
    let waiting = calls;
    let views: IdentityView[] = [];
    const select = (): Selection => ({ tenantId, sightings: waiting.map(({ sighting }) => sighting) });
    const decide = (identities: Identity[]): Writes => {
      const { answers, writes } = reconcile(
        identities,
        waiting.map(({ sighting }) => sighting),
      );
      waiting.forEach(({ answer }, i) => answers[i]!.awaitsWrite || answer(answers[i]!.view));
      waiting = waiting.filter((_, i) => answers[i]!.awaitsWrite);
      views = answers.flatMap(({ awaitsWrite, view }) => (awaitsWrite ? [view] : []));
      onDecided?.();
      return writes;
    };
    // Safe to repeat though the outcome be unknown: sightings that were written are known by then, and write nothing.
    const freshIds = await retryUnavailable(() => this.settle(select, decide));
    waiting.forEach(({ answer }, i) => answer(withRealIds(views[i]!, freshIds)));
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
      prepared?.identities,
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

  /** Reads through the cache of large identities. */
  private async load(selection: Selection): Promise<Identity[]> {
    const { tenantId } = selection;
    const known = 'sightings' in selection ? this.cache.candidates(tenantId, selection.sightings) : [];
    const identities = await this.contacts.load(selection, known);
    identities.forEach((identity) => this.cache.keep(tenantId, identity));
    return identities;
  }

  /** Loads, decides and applies until a decision is written or there is nothing to write; returns the fresh ids. */
  private async settle(
    select: () => Selection,
    decide: (identities: Identity[]) => Writes,
    loaded: readonly Identity[] | null = null,
  ): Promise<number[]> {
    let writes = NO_WRITES;
    const touchedSoFar = new Set<number>();
    const deadline = performance.now() + DEADLINE_MS;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS && performance.now() < deadline; attempt++) {
      const selection = select();
      let freshIds: number[] | null;
      if (attempt <= OPTIMISTIC_ATTEMPTS) {
        const isLoaded = attempt === 1 && loaded !== null;
        writes = decide(isLoaded ? [...loaded] : await this.load(selection));
        freshIds = isNothing(writes) ? [] : await this.contacts.apply(selection.tenantId, writes);
      } else {
        freshIds = await this.contacts.applyLocked(
          selection,
          [...touchedSoFar],
          (identities) => (writes = decide(identities)),
        );
      }
      if (freshIds !== null) {
        this.metrics.settled(attempt, writes);
        return freshIds;
      }
      writes.touched.forEach(({ id }) => touchedSoFar.add(id));
      this.logger.debug(`Conflict at attempt ${attempt}: another writer was faster`);
      await sleep(Math.random() * Math.min(2 ** attempt, 50));
    }
    this.metrics.gaveUp();
    throw new ContentionError();
  }
}

import { InjectRepository } from '@mikro-orm/nestjs';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContactRepository } from '../identity/store/contact.repository.js';
import { Contact } from '../identity/store/entities/contact.js';
import { TenantLimit } from '../identity/tenant-limit.js';
import { EventLog, type Numbered } from './event-log.js';
import { EventMetrics } from './event.metrics.js';

/** How long events are gathered before they get their numbers: each turn costs a transaction. */
const GATHER_MS = 50;
const RETRY_MS = 1_000;
/** Tenants at once; each takes a connection. */
const TENANTS_AT_ONCE = 2;
/** A tenant whose turn takes longer holds no others up. */
const PATIENCE_MS = 500;
/** How often all tenants are looked at for events that another process left behind. */
const SWEEP_MS = 1_000;
/** At most so many tenants a second. */
const SWEEP_MS_PER_TENANT = 5;
/** How often a tenant is searched for events that were left late. */
const SEARCH_MS = 60_000;
const TRIM_MS = 3_600_000;

/**
 * Gives events their numbers, soon after they were left: those of this process, and those that another process left when it ended.
 *
 * Several processes may run one for the same tenant. Who comes first takes what there is.
 */
@Injectable()
export class EventRelay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Events');
  private readonly listeners = new Set<(numbered: Numbered) => void>();
  /** By tenant: whether more events came since its turn began. */
  private readonly underWay = new Map<number, { hasMore: boolean }>();
  /** By tenant: when it was last searched from the first id on, by `performance.now()` */
  private readonly searched = new Map<number, number>();
  private readonly limit = new TenantLimit({
    atOnce: TENANTS_AT_ONCE,
    patienceMs: PATIENCE_MS,
    aside: 1,
    maxWaiting: Infinity,
    waitMs: Infinity,
    refusal: () => new Error('nobody is refused'),
  });
  private readonly ending = new AbortController();

  constructor(
    private readonly log: EventLog,
    private readonly metrics: EventMetrics,
    @InjectRepository(Contact) contacts: ContactRepository,
  ) {
    if (log.settings.hasEvents) {
      contacts.onEvents = (tenantId) => this.wake(tenantId);
    }
  }

  onApplicationBootstrap(): void {
    if (this.log.settings.hasEvents) {
      void this.forever(async () => this.sweep());
      void this.forever(async () => this.trim());
    } else {
      void this.pauseAll();
    }
  }

  beforeApplicationShutdown(): void {
    this.ending.abort();
  }

  /** Calls `listener` after events got their numbers. */
  onNumbered(listener: (numbered: Numbered) => void): void {
    this.listeners.add(listener);
  }

  /** Events of a tenant wait. They get their numbers soon. */
  wake(tenantId: number): void {
    const turn = this.underWay.get(tenantId);
    if (turn === undefined) {
      this.underWay.set(tenantId, { hasMore: false });
      void this.turns(tenantId);
    } else {
      turn.hasMore = true;
    }
  }

  /** Gives all events that wait their numbers now. */
  async catchUp(tenantId: number): Promise<void> {
    // One turn at least: whoever waits for this needs a log that was begun.
    while ((await this.turn(tenantId)).hasMore && !this.ending.signal.aborted) {
      // until nothing waits
    }
  }

  private async turns(tenantId: number): Promise<void> {
    const turn = this.underWay.get(tenantId)!;
    let pauseMs = GATHER_MS;
    do {
      await sleep(pauseMs, undefined, { ref: false });
      turn.hasMore = false;
      pauseMs = GATHER_MS;
      try {
        await this.limit.run(tenantId, () => this.catchUp(tenantId));
        this.metrics.caughtUp(tenantId);
      } catch {
        this.metrics.fellBehind(tenantId);
        this.logger.debug('Could not give events their numbers; trying again');
        turn.hasMore = true;
        pauseMs = RETRY_MS;
      }
    } while (turn.hasMore && !this.ending.signal.aborted);
    this.underWay.delete(tenantId);
  }

  private async turn(tenantId: number, { isFromStart = false } = {}): Promise<Numbered> {
    const numbered = await this.log.number(tenantId, { isFromStart });
    if (numbered.count > 0) {
      this.metrics.numbered(numbered);
      this.listeners.forEach((listener) => listener(numbered));
    }
    return numbered;
  }

  /** Looks for events that a process left behind when it ended. @returns how long to wait until the next time, in ms */
  private async sweep(): Promise<number> {
    const tenantIds = await this.log.tenantIds();
    for (const tenantId of tenantIds) {
      // The others do not wait until it works again.
      await this.look(tenantId).catch(() => this.logger.debug('Could not look for events; trying again'));
    }
    return Math.max(SWEEP_MS, tenantIds.length * SWEEP_MS_PER_TENANT);
  }

  private async look(tenantId: number): Promise<void> {
    const isFromStart = performance.now() - (this.searched.get(tenantId) ?? 0) > SEARCH_MS;
    if (isFromStart) {
      this.searched.set(tenantId, performance.now());
    }
    if (!this.underWay.has(tenantId) && (await this.log.hasWaiting(tenantId, { isFromStart }))) {
      if (isFromStart) {
        await this.turn(tenantId, { isFromStart });
      }
      this.wake(tenantId);
    }
  }

  /** Deletes the events whose time is over. @returns as {@link sweep} */
  private async trim(): Promise<number> {
    for (const tenantId of await this.log.tenantIds()) {
      try {
        while (!this.ending.signal.aborted && (await this.log.trim(tenantId))) {
          // some at a time
        }
      } catch {
        this.logger.debug('Could not delete old events; trying again in an hour');
      }
    }
    return TRIM_MS;
  }

  /** From now on changes leave no events: whoever has seen all until now must start again. */
  private async pauseAll(): Promise<void> {
    await this.forever(async () => {
      for (const tenantId of await this.log.tenantIds()) {
        await this.log.pause(tenantId);
      }
      return TRIM_MS;
    });
  }

  private async forever(work: () => Promise<number>): Promise<void> {
    while (!this.ending.signal.aborted) {
      const pauseMs = await work().catch(() => RETRY_MS);
      await sleep(pauseMs, undefined, { ref: false, signal: this.ending.signal }).catch(() => undefined);
    }
  }
}

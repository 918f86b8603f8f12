import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { LargeAnswers } from './api/large-answers.js';
import { ErasureService } from './erasure.service.js';
import { SizeRankings } from './size-rankings.js';
import { ErasureRecords } from './store/erasure-records.js';
import { IdentityReader } from './store/identity-reader.js';

/** How soon this replica forgets what another one erased. An erasure runs much longer than this. */
const WATCH_MS = 5_000;
/** Without news for so long, an erasure may have come and gone. */
const TRUSTED_MS = 30_000;
/** How often erasures are looked for that a replica left behind when it ended. */
const LEFT_BEHIND_MS = 600_000;
const FIRST_LOOK_MS = 65_000;

interface Watched {
  /** The erasures that were running at the last look. */
  readonly running: ReadonlySet<number>;
  readonly since: number;
}

/**
 * Keeps the memory of this replica free from what other replicas erased, and takes up erasures that nobody finishes.
 *
 * Only tenants that something is kept of are watched. What was read before an erasure may be kept just after it, so everything of
 * the tenant is dropped twice: when the erasure is seen, and when it is done.
 */
@Injectable()
export class ErasureWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Erasures');
  private readonly watched = new Map<number, Watched>();
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly erasures: ErasureService,
    private readonly records: ErasureRecords,
    private readonly reader: IdentityReader,
    private readonly largeAnswers: LargeAnswers,
    private readonly rankings: SizeRankings,
  ) {
    erasures.onErased = (tenantId) => this.drop(tenantId);
  }

  onApplicationBootstrap(): void {
    this.timers = [
      setInterval(() => void this.look(), WATCH_MS),
      setInterval(() => void this.finishLeft(), LEFT_BEHIND_MS),
      setTimeout(() => void this.finishLeft(), FIRST_LOOK_MS),
    ];
    this.timers.forEach((timer) => timer.unref());
  }

  beforeApplicationShutdown(): void {
    this.timers.forEach((timer) => clearTimeout(timer));
  }

  /** Looks for erasures of the tenants that something is kept of, and drops what may be erased. */
  async look(): Promise<void> {
    const tenantIds = new Set([...this.reader.tenantIds(), ...this.largeAnswers.tenantIds()]);
    for (const tenantId of [...this.watched.keys()].filter((id) => !tenantIds.has(id))) {
      this.watched.delete(tenantId);
    }
    for (const tenantId of tenantIds) {
      const since = performance.now();
      const before = this.watched.get(tenantId) ?? null;
      const running = await this.records.running(tenantId).then(
        (ids) => new Set(ids),
        () => null,
      );
      if (running === null) {
        // It may be erased by now, and nobody can tell.
        this.drop(tenantId);
        this.watched.delete(tenantId);
        continue;
      }
      const isNews = before === null ? running.size > 0 : !isSame(before.running, running);
      if (isNews || (before !== null && since - before.since > TRUSTED_MS)) {
        this.drop(tenantId);
      }
      this.watched.set(tenantId, { running, since });
    }
  }

  /** Finishes the erasures of all tenants that are due. */
  async finishLeft(): Promise<void> {
    try {
      for (const tenantId of await this.records.tenantIds()) {
        for (const id of await this.records.running(tenantId)) {
          await this.erasures.finish(tenantId, id);
        }
      }
    } catch {
      this.logger.debug('Could not look for erasures that are not done; trying again later');
    }
  }

  private drop(tenantId: number): void {
    this.reader.drop(tenantId);
    this.largeAnswers.drop(tenantId);
    this.rankings.drop(tenantId);
  }
}

function isSame(one: ReadonlySet<number>, other: ReadonlySet<number>): boolean {
  return one.size === other.size && [...one].every((id) => other.has(id));
}

import { MikroORM } from '@mikro-orm/core';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { addGauge } from '../telemetry/metrics/registry.js';
import type { OpenDatabase } from './open-database.js';
import { openSession } from './session/open-session.js';
import type { Statement } from './session/sql-session.js';

export const READ_REPLICA = Symbol('read replica');

/** How long a read waits until the two have answered. More than it takes a busy process: it must not leave the replica alone. */
const ASK_MS = 500;
/** How long it waits then for what was committed before it, and how often it looks. */
const WAIT_MS = 50;
const LOOK_MS = 2;
/** A replica that could not be asked, or was not there in time, is left alone for so long. */
const LEFT_ALONE_MS = 1_000;
const SAMPLE_MS = 1_000;
const SAMPLES_MAX = 600;

/**
 * Up to where the primary has written: everything that can be seen there was committed before.
 *
 * Where a page of the log begins, the primary counts the header of the page, which a replica does not: 24 bytes, or 40 in the first
 * page of a file. No record ends within them. So a primary that rests after it has begun a new file is where its replica is.
 */
export const WRITTEN: Statement = {
  name: 'replica_written',
  text: `select position - position % page * (position % page <= 40)::int as position, pg_postmaster_start_time()::text as started
    from (select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as position,
      current_setting('wal_block_size')::int as page) as written`,
};
/** Up to where the replica shows what the primary has written; null: it is no replica. */
export const SHOWN: Statement = {
  name: 'replica_shown',
  text: `select case when pg_is_in_recovery() then pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint end as position,
    pg_postmaster_start_time()::text as started`,
};
/** In whose history a server is. Takes as long as two of the others, and changes only with a start, or for the worse: with a failover. */
export const HISTORY: Statement = {
  name: 'replica_history',
  text: `select (select system_identifier from pg_control_system())::text as system,
      case when pg_is_in_recovery() then lpad(upper(to_hex(greatest(timeline_id, min_recovery_end_timeline))), 8, '0')
        else left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) end as timeline,
      pg_postmaster_start_time()::text as started
    from pg_control_checkpoint(), pg_control_recovery()`,
};

interface Place {
  /** In bytes. */
  readonly position: number;
  /** When the server was started, so which one it is. */
  readonly started: string;
}

interface History {
  /** The same for a primary and its replicas only. */
  readonly system: string;
  /** A new one begins with each failover: positions in two of them say nothing about each other. */
  readonly timeline: string;
  readonly started: string;
}

/**
 * The read replica: a streaming replica of the primary that reads may use, if there is one.
 *
 * A read asks the primary how far it has written, and uses the replica once that is as far. So its answer shows all that was
 * committed before the call, by whomever and through whichever process, and no caller has to tell what it has seen. The question is
 * tiny, and all that ask at the same time share one. The answer of the replica is never kept: after a crash it may be behind what it
 * has shown before. That the two belong together is kept until one of them was started anew, as after a failover.
 */
@Injectable()
export class ReadReplica implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('ReadReplica');
  private readonly written: Shared<Place>;
  private readonly shown: Shared<Place>;
  private readonly histories: () => Promise<[History, History]>;
  private leftAloneUntil = -Infinity;
  /** What the replica has not shown yet, by age. */
  private samples: { readonly position: number; readonly at: number }[] = [];
  private sampledAt = 0;
  private sampler: NodeJS.Timeout | null = null;
  private why: string | null = 'it was not asked yet';
  /** When the two were started that are known to belong together. */
  private pair: { readonly primary: string; readonly replica: string } | null = null;

  constructor(
    primary: MikroORM,
    @Inject(READ_REPLICA) private readonly replica: OpenDatabase | null,
    registry: Registry,
  ) {
    this.written = new Shared(() => placeIn(primary, WRITTEN));
    this.shown = new Shared(() => placeIn(replica!.orm, SHOWN));
    this.histories = () => Promise.all([historyOf(primary), historyOf(replica!.orm)]);
    addGauge(
      registry,
      'database_replica_lag_seconds',
      'For how long the read replica has not shown what the primary had written then, or could not be asked; 0: there is none',
      () => this.lagMs / 1000,
    );
  }

  /** The database of the replica; null: there is none. */
  get orm(): MikroORM | null {
    return this.replica?.orm ?? null;
  }

  /** Why reads can't use it; null: they can. Not before it is known to follow the primary. */
  get trouble(): string | null {
    return this.why;
  }

  /** For how long the replica has not shown what the primary had written then. */
  get lagMs(): number {
    const [oldest] = this.samples;
    return oldest === undefined ? 0 : this.sampledAt - oldest.at;
  }

  onApplicationBootstrap(): void {
    if (this.replica !== null) {
      this.sampler = setInterval(() => void this.sample(), SAMPLE_MS).unref();
      void this.sample();
    }
  }

  onModuleDestroy(): void {
    clearInterval(this.sampler ?? undefined);
  }

  /** Whether a read that begins now may use the replica; false if it can't tell soon. */
  async isFresh(): Promise<boolean> {
    if (this.replica === null || this.why !== null || performance.now() < this.leftAloneUntil) {
      return false;
    }
    // If the primary can't be asked, its own error is the better answer.
    const isThere = await inTime(this.reaches(), ASK_MS + WAIT_MS);
    if (!isThere) {
      this.leaveAlone();
    }
    return isThere;
  }

  /** Uses the primary for a moment. */
  leaveAlone(): void {
    this.leftAloneUntil = performance.now() + LEFT_ALONE_MS;
  }

  private async reaches(): Promise<boolean> {
    const [written, first] = await Promise.all([this.written.next(), this.shown.next()]);
    const deadline = performance.now() + WAIT_MS;
    for (let shown = first; this.areKnown(written, shown); shown = await this.shown.next()) {
      if (shown.position >= written.position) {
        return true;
      }
      if (performance.now() > deadline) {
        return false;
      }
      await sleep(LOOK_MS);
    }
    return false;
  }

  private areKnown(written: Place, shown: Place): boolean {
    return written.started === this.pair?.primary && shown.started === this.pair.replica;
  }

  private async sample(): Promise<void> {
    const at = performance.now();
    const [written, shown] = await Promise.allSettled([this.written.next(), this.shown.next()]);
    if (written.status === 'fulfilled') {
      this.sampledAt = at;
      this.samples.push({ position: written.value.position, at });
      // the oldest one tells how long it has been
      this.samples.splice(1, Math.max(0, this.samples.length - SAMPLES_MAX));
    }
    if (shown.status === 'fulfilled') {
      this.samples = this.samples.filter(({ position }) => position > shown.value.position);
    }
    if (written.status === 'fulfilled') {
      await this.judge(shown);
    }
  }

  private async judge(shown: PromiseSettledResult<Place>): Promise<void> {
    const before = this.why;
    try {
      if (shown.status === 'rejected') {
        throw shown.reason;
      }
      const [ours, theirs] = await this.histories();
      this.why = strangeness(ours, theirs);
      this.pair = this.why === null ? { primary: ours.started, replica: theirs.started } : null;
    } catch (error) {
      this.why = (error as Error).message;
    }
    if (this.why !== before) {
      this.logger.log(
        this.why === null ? 'Reads use the read replica' : `Reads use the primary: ${this.why}`,
      );
    }
  }
}

async function placeIn(orm: MikroORM, statement: Statement): Promise<Place> {
  const { position, started } = await ask<{ position: unknown; started: string }>(orm, statement);
  if (position === null) {
    throw new Error('DATABASE_REPLICA_URL names no replica');
  }
  return { position: Number(position), started };
}

function historyOf(orm: MikroORM): Promise<History> {
  return ask<History>(orm, HISTORY);
}

async function ask<T>(orm: MikroORM, statement: Statement): Promise<T> {
  const [row] = await openSession(orm.em).query([statement], null);
  return row as T;
}

/** Why positions of the two can't be compared; null: they can. */
function strangeness(ours: History, theirs: History): string | null {
  if (ours.system !== theirs.system) {
    return 'DATABASE_REPLICA_URL names a database that does not follow DATABASE_URL';
  }
  return ours.timeline === theirs.timeline
    ? null
    : 'DATABASE_REPLICA_URL does not follow DATABASE_URL since its failover, or has made no checkpoint since then';
}

/** Whether it is so, if that is known in time. */
async function inTime(isSo: Promise<boolean>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([isSo.catch(() => false), late]);
  } finally {
    timer.abort();
  }
}

/** Work that is done once for all who ask at the same time. Nobody gets the result of work that began before he asked. */
class Shared<T> {
  private running: Promise<T> | null = null;
  private following: Promise<T> | null = null;

  constructor(private readonly work: () => Promise<T>) {}

  next(): Promise<T> {
    if (this.running === null) {
      return this.begin();
    }
    this.following ??= this.running.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.following;
  }

  private begin(): Promise<T> {
    this.following = null;
    const running = this.work().finally(() => {
      if (this.following === null) {
        this.running = null;
      }
    });
    this.running = running;
    return running;
  }
}

import { EntityManager } from '@mikro-orm/core';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { openSession } from '../database/session/open-session.js';
import type { Statement } from '../database/session/sql-session.js';

/** Every call has failed if so many did, over so long, and none was served. */
const FAILURES_MIN = 10;
const FAILING_FOR_MS = 3_000;
/** After that the replica is out for so long at least: twice as long each time, until a call is served. */
const OUT_MIN_MS = 5_000;
const OUT_MAX_MS = 60_000;
const TRIAL_EVERY_MS = 1_000;

/** Tenants that are tried at once. */
const TRIALS = 3;
/** What a call reads, in its smallest form. */
export const TRIAL: Statement = {
  name: 'health_trial',
  text: 'select id from contact where tenant_id = $1 and id = 1',
};

/**
 * Whether calls are served, whatever the database says of itself: behind a node that answers there may be others that do not.
 *
 * A replica whose calls all fail is out until one of its tenants can be read again. If their calls fail then all the same, it is
 * out for longer, so that it does not go in and out. Calls of one tenant say nothing about the others, if there are any.
 */
@Injectable()
export class CallOutcomes implements OnModuleInit {
  private readonly tenants = new Set<number>();
  private readonly failing = new Set<number>();
  private failures = 0;
  private servedAt = -Infinity;
  private failingSince = Infinity;
  private outUntil: number | null = null;
  private outMs = OUT_MIN_MS;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly em: EntityManager,
  ) {}

  onModuleInit(): void {
    const { httpAdapter } = this.host;
    // Null where the application serves no HTTP.
    httpAdapter?.getInstance<FastifyInstance>().addHook('onResponse', ({ caller }, reply, done) => {
      if (caller !== undefined && reply.raw.writableFinished) {
        this.note(caller.tenantId, reply.statusCode, reply.elapsedTime);
      }
      done();
    });
  }

  /** Whether every call of the last seconds failed, and still would as far as one can tell. */
  areFailing(): boolean {
    const now = performance.now();
    if (this.outUntil === null && this.allFailed(now)) {
      this.outUntil = now + this.outMs;
      this.outMs = Math.min(2 * this.outMs, OUT_MAX_MS);
    }
    if (this.outUntil !== null && now >= this.outUntil) {
      this.outUntil = now + TRIAL_EVERY_MS;
      void this.tryAgain();
    }
    return this.outUntil !== null;
  }

  /**
   * Notes how a call ended.
   *
   * @param elapsedMs from its arrival to its end
   */
  note(tenantId: number, status: number, elapsedMs: number): void {
    this.tenants.add(tenantId);
    const now = performance.now();
    if (status === 503) {
      this.failures++;
      this.failing.add(tenantId);
      this.failingSince = Math.min(this.failingSince, Math.max(now - elapsedMs, this.servedAt));
    } else if (status < 300 || status === 404) {
      this.servedAt = now;
      this.outMs = OUT_MIN_MS;
      this.startOver();
    }
  }

  private allFailed(now: number): boolean {
    const isOfMany = this.failing.size > 1 || this.tenants.size === 1;
    return isOfMany && this.failures >= FAILURES_MIN && now - this.failingSince >= FAILING_FOR_MS;
  }

  private startOver(): void {
    this.failures = 0;
    this.failing.clear();
    this.failingSince = Infinity;
    this.outUntil = null;
  }

  /** Ends the time out if rows of one of the tenants can be read. */
  private async tryAgain(): Promise<void> {
    const trials = [...this.failing].slice(0, TRIALS).map(async (tenantId) => {
      const session = openSession(this.em);
      await session.query([TRIAL, tenantId], tenantId);
    });
    await Promise.any(trials).then(
      () => this.startOver(),
      () => undefined,
    );
  }
}

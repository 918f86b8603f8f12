import { Injectable, type BeforeApplicationShutdown, type OnModuleInit, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';

declare module 'fastify' {
  interface FastifyReply {
    /** Where it is among those under way; null if it is not among them. */
    place: number | null;
  }
}

/**
 * How long open connections may still send a request, which is answered as their last, and how long new connections are
 * accepted. So a balancer that polls readiness twice a second notices the end before it comes.
 */
const DRAIN_MS = 1_000;
/** How long running calls may take after that; longer than any of them should. */
const GRACE_MS = 10_000;
const CHECK_MS = 25;

/**
 * Shuts down without a broken call: from then on every answer closes its connection, idle connections are closed only after
 * they had time to send one more request, and the rest as soon as their calls are answered.
 *
 * Closing a server only stops it from accepting. A client or proxy that is sending on an idle connection would see a reset,
 * and one that never sends would keep the process alive until a timeout.
 */
@Injectable()
export class ConnectionDrain implements OnModuleInit, BeforeApplicationShutdown {
  private isDraining = false;
  private readonly underWay = new RepliesUnderWay();

  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const fastify = this.fastify();
    if (fastify === null) {
      return;
    }
    fastify.decorateReply('place', null);
    fastify.addHook('onRequest', (_request, reply, done) => {
      this.underWay.add(reply);
      if (this.isDraining) {
        void reply.header('connection', 'close');
      }
      done();
    });
    // Also runs for a request whose client disconnected.
    fastify.addHook('onResponse', (_request, reply, done) => {
      this.underWay.delete(reply);
      done();
    });
    fastify.addHook('preClose', (done) => {
      closeAll(fastify, this.underWay);
      done();
    });
  }

  async beforeApplicationShutdown(signal?: string): Promise<void> {
    this.isDraining = true;
    this.underWay.forEach((reply) => void reply.header('connection', 'close'));
    const fastify = this.fastify();
    const deadline = performance.now() + DRAIN_MS;
    // Without a signal its own process closes it, and sends nothing more.
    const isAnnounced = signal !== undefined;
    while (
      fastify !== null &&
      performance.now() < deadline &&
      (isAnnounced || (await openConnections(fastify)) > 0)
    ) {
      await sleep(CHECK_MS);
    }
  }

  /** The server; none if the application runs without HTTP, as on the command line. */
  private fastify(): FastifyInstance | null {
    const { httpAdapter } = this.host;
    return httpAdapter?.getInstance<FastifyInstance | null>() ?? null;
  }
}

/**
 * The replies that are not sent yet.
 *
 * Not a Set: one that changes with every call leaves copies of itself behind, each with its items and a reference to the next
 * copy. As soon as one of them is old, the garbage collector keeps what follows until its next full collection. That cost a
 * quarter of the time of a call.
 */
class RepliesUnderWay {
  private readonly replies: FastifyReply[] = [];

  get size(): number {
    return this.replies.length;
  }

  add(reply: FastifyReply): void {
    reply.place = this.replies.length;
    this.replies.push(reply);
  }

  /** Does nothing for a request that was refused before routing: it has a response, but never passed the first hook. */
  delete(reply: FastifyReply): void {
    if (reply.place !== null) {
      const last = this.replies.pop()!;
      if (last !== reply) {
        this.replies[reply.place] = last;
        last.place = reply.place;
      }
      reply.place = null;
    }
  }

  forEach(act: (reply: FastifyReply) => void): void {
    this.replies.forEach(act);
  }
}

function openConnections(fastify: FastifyInstance): Promise<number> {
  return new Promise((resolve) => {
    fastify.server.getConnections((error, count) => resolve(error === null ? count : 0));
  });
}

function closeAll(fastify: FastifyInstance, underWay: RepliesUnderWay): void {
  const deadline = performance.now() + GRACE_MS;
  const timer = setInterval(() => {
    fastify.server.closeIdleConnections();
    if (underWay.size === 0 || performance.now() > deadline) {
      fastify.server.closeAllConnections();
      clearInterval(timer);
    }
  }, CHECK_MS);
}

/** The parts of the HTTP server that are not options. */
@Module({ providers: [ConnectionDrain] })
export class HttpModule {}

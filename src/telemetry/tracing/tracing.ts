import type { Span } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import type { Tracer } from './tracer.js';

/** What belongs to a call that may be traced. */
export interface Traced {
  /** The span of the call; null if it is not recorded. */
  readonly span: Span | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The span of the request; absent if nothing is traced. */
    span?: Span | null;
  }
}

let started: Tracer | null = null;

/**
 * The tracer of this process; null unless tracing was started, and then no package of OpenTelemetry is loaded.
 *
 * It is no provider, because a process has one or none whatever applications it runs, and the statements of the
 * database are traced as well.
 */
export function startedTracing(): Tracer | null {
  return started;
}

/** Makes a tracer that of the process, or none. */
export function setTracing(tracer: Tracer | null): void {
  started = tracer;
}

/** The span that is being recorded here and now, if any. */
export function activeSpan(): Span | null {
  return started === null ? null : started.activeSpan();
}

/** Runs a batch in a span of its own, in the trace of the first of its calls that is recorded. */
export function inBatchSpan(calls: readonly Traced[], work: () => Promise<void>): Promise<void> {
  return started === null ? work() : started.inBatch(calls, work);
}

/** The id of the trace that a request belongs to, if it is recorded or its caller named it. */
export function traceIdOf({ span }: FastifyRequest): string | undefined {
  return span?.spanContext().traceId;
}

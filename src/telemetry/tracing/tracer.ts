import { Logger } from '@nestjs/common';
import {
  context,
  diag,
  DiagLogLevel,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
} from '@opentelemetry/api';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import type { IncomingHttpHeaders } from 'node:http';
import { VERSION } from '../../config/version.js';
import type { Protocol, Traced } from './tracing.js';

/** Links that a span keeps: the default of the specification. */
const LINKS_MAX = 128;

/**
 * The spans of this service: a request, the batch that answers it, the statements of the batch.
 *
 * Every attribute is named here, so nothing that a caller sent gets into a span: only templates of routes, names of
 * statements, numbers and codes. A request that is not sampled costs only the decision.
 */
export class Tracer {
  private readonly tracer = trace.getTracer('identity-reconciliation');

  /**
   * @param stop exports the remaining spans and ends the tracing
   * @param rootShare share of the new traces that reaches the sampler; 1: the sampler alone decides
   */
  constructor(
    readonly stop: () => Promise<void>,
    private readonly rootShare: number,
  ) {}

  /** The span of a request, in the trace that its headers name, if any; null: it begins a trace that is not recorded. */
  startRequest(method: string, route: string, headers: IncomingHttpHeaders): Span | null {
    const parent =
      headers.traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, headers);
    // Decided first: a span that is created only to be dropped costs a tenth of a call. A malformed header names no trace.
    if (trace.getSpanContext(parent) === undefined && Math.random() >= this.rootShare) {
      return null;
    }
    return this.tracer.startSpan(
      `${method} ${route}`,
      {
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': method, 'http.route': route },
      },
      parent,
    );
  }

  endRequest(span: Span, status: number): void {
    if (span.isRecording()) {
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) {
        span.setAttribute('error.type', String(status)).setStatus({ code: SpanStatusCode.ERROR });
      }
    }
    span.end();
  }

  /** Runs `work` with the span active. */
  within(span: Span, work: () => void): void {
    if (span.isRecording()) {
      context.with(trace.setSpan(ROOT_CONTEXT, span), work);
    } else {
      work();
    }
  }

  activeSpan(): Span | null {
    const span = trace.getActiveSpan();
    return span?.isRecording() ? span : null;
  }

  inBatch(calls: readonly Traced[], work: () => Promise<void>): Promise<void> {
    const [first, ...others] = calls.flatMap(({ span }) => span ?? []);
    if (first === undefined) {
      // One batch starts the next: it must not run in the span of a call that was answered long ago.
      return this.activeSpan() === null ? work() : context.with(ROOT_CONTEXT, work);
    }
    const linked = others.slice(0, LINKS_MAX);
    const batch = this.tracer.startSpan(
      'batch',
      {
        attributes: { 'identity.batch.size': calls.length },
        links: linked.map((span) => ({ context: span.spanContext() })),
      },
      trace.setSpan(ROOT_CONTEXT, first),
    );
    linked.forEach((span) => span.addLink({ context: batch.spanContext() }));
    return this.run(batch, work);
  }

  /** Runs statements in a span; without one if no surrounding span is recorded. */
  inStatements<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    if (this.activeSpan() === null) {
      return work();
    }
    const summary = names.join(' ');
    const attributes: Attributes = { 'db.system.name': 'postgresql', 'db.query.summary': summary };
    return this.run(this.tracer.startSpan(summary, { kind: SpanKind.CLIENT, attributes }), work);
  }

  private async run<T>(span: Span, work: () => Promise<T>): Promise<T> {
    try {
      return await context.with(trace.setSpan(ROOT_CONTEXT, span), work);
    } catch (error) {
      const { code, name } = error as { code?: unknown; name?: unknown };
      // Only the code: messages of PostgreSQL quote values.
      span.setAttribute('error.type', String(code ?? name)).setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }
}

/** A failed export is logged at most this often. */
const COMPLAINT_MS = 60_000;
/** How long a shutdown waits for the last export. */
const STOP_MS = 3_000;

const silent = (): void => undefined;

/** Starts the SDK. Its own variables, `OTEL_…`, set endpoint, headers, sampler, limits and names. */
export async function createTracer(protocol: Protocol): Promise<Tracer> {
  const logger = new Logger('Tracing');
  let lastComplaint = -COMPLAINT_MS;
  const complain = (): void => {
    if (performance.now() - lastComplaint > COMPLAINT_MS) {
      lastComplaint = performance.now();
      logger.warn(
        'Traces can not be exported; check OTEL_EXPORTER_OTLP_ENDPOINT. This is logged once a minute.',
      );
    }
  };
  diag.setLogger(
    { error: complain, warn: complain, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN },
  );
  const rootShare = rootShareOf(process.env);
  const provider = new NodeTracerProvider({
    // If the share was decided before, the sampler accepts all that is left.
    ...(rootShare !== null && { sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) }),
    resource: resourceFromAttributes({
      'service.name': 'identity-reconciliation',
      'service.version': VERSION,
    }).merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(await createExporter(protocol))],
  });
  provider.register();
  logger.log('Traces are exported');
  return new Tracer(() => shutDown(provider), rootShare ?? 1);
}

/** The share that `parentbased_traceidratio` asks for; null: another or an unknown sampler decides. */
function rootShareOf(env: Readonly<Record<string, string | undefined>>): number | null {
  const share = Number(env.OTEL_TRACES_SAMPLER_ARG || 1);
  return env.OTEL_TRACES_SAMPLER === 'parentbased_traceidratio' && share >= 0 && share <= 1 ? share : null;
}

async function createExporter(protocol: Protocol): Promise<SpanExporter> {
  const { OTLPTraceExporter } = await (protocol === 'http/json'
    ? import('@opentelemetry/exporter-trace-otlp-http')
    : import('@opentelemetry/exporter-trace-otlp-proto'));
  return new OTLPTraceExporter();
}

async function shutDown(provider: NodeTracerProvider): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, STOP_MS);
  await Promise.race([provider.shutdown().catch(() => undefined), promise]);
  clearTimeout(timer);
}

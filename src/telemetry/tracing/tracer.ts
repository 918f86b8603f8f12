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

/** Links that a span keeps, by the specification's default. */
const LINKS_MAX = 128;

/**
 * The spans of this service: a request, the batch that answers it, the statements of the batch.
 *
 * What is written into them is named here one by one, so nothing that a caller sent gets there: templates of routes,
 * names of statements, numbers, codes. A request that is not sampled costs the decision alone.
 */
export class Tracer {
  private readonly tracer = trace.getTracer('identity-reconciliation');

  /**
   * @param stop exports what is left and ends the tracing
   * @param rootShare share of the requests that begin a trace of their own which is recorded, as far as it is not the
   *   sampler's to decide; 1: all of it is
   */
  constructor(
    readonly stop: () => Promise<void>,
    private readonly rootShare: number,
  ) {}

  /** The span of a request, in the trace that its headers name if they do; null: it begins one that is not recorded. */
  startRequest(method: string, route: string, headers: IncomingHttpHeaders): Span | null {
    const parent =
      headers.traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, headers);
    // Before anything is made for it: a span that is only made to be dropped costs a tenth of a call. A header that is
    // malformed names no trace.
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

  /** Runs `work` with the span as the one that is active. */
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
      // Batches start one another: this one must not run in the span of a call that was answered long ago.
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

  /** Runs statements in a span; in none if nothing around them is recorded. */
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
      // The code alone: messages of PostgreSQL quote values.
      span.setAttribute('error.type', String(code ?? name)).setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }
}

/** How often trouble with the export is said at the most. */
const COMPLAINT_MS = 60_000;
/** How long a shutdown waits for the last export. */
const STOP_MS = 3_000;

const silent = (): void => undefined;

/** Starts the SDK. Endpoint, headers, sampler, limits and names come from its own variables, `OTEL_…`. */
export async function createTracer(protocol: Protocol): Promise<Tracer> {
  const logger = new Logger('Tracing');
  let lastComplaint = -COMPLAINT_MS;
  const complain = (): void => {
    if (performance.now() - lastComplaint > COMPLAINT_MS) {
      lastComplaint = performance.now();
      logger.warn('Traces can not be exported; see OTEL_EXPORTER_OTLP_ENDPOINT. Said once a minute.');
    }
  };
  diag.setLogger(
    { error: complain, warn: complain, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN },
  );
  const rootShare = rootShareOf(process.env);
  const provider = new NodeTracerProvider({
    // Where the share is decided on before, the sampler takes what is left of it.
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

/** The share that `parentbased_traceidratio` asks for; null: another sampler decides, or one that was not understood. */
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

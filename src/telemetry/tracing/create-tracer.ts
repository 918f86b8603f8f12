import { diag, DiagLogLevel } from '@opentelemetry/api';
import { Logger } from '@nestjs/common';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import { VERSION } from '../../version.js';
import type { Protocol } from './start-tracing.js';
import { Tracer } from './tracer.js';

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
  return new Tracer(() => stop(provider), rootShare ?? 1);
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

async function stop(provider: NodeTracerProvider): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, STOP_MS);
  await Promise.race([provider.shutdown().catch(() => undefined), promise]);
  clearTimeout(timer);
}

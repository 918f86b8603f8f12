import type { Span } from '@opentelemetry/api';
import { SettingsError } from '../../config/settings.js';
import type { Tracer } from './tracer.js';

/** A call that may be traced. */
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
 * The tracer of this process; null if tracing was not started, and then no package of OpenTelemetry is loaded.
 *
 * It is not a provider of Nest, because a process has at most one, whatever applications it runs, and because database
 * statements are traced too.
 */
export function startedTracing(): Tracer | null {
  return started;
}

/** The current recorded span, if any. */
export function activeSpan(): Span | null {
  return started === null ? null : started.activeSpan();
}

/** Runs a batch in its own span, in the trace of its first recorded call. */
export function inBatchSpan(calls: readonly Traced[], work: () => Promise<void>): Promise<void> {
  return started === null ? work() : started.inBatch(calls, work);
}

type Env = Readonly<Record<string, string | undefined>>;

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
export type Protocol = (typeof PROTOCOLS)[number];
const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
// prettier-ignore
const SAMPLERS = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'];

/**
 * Starts tracing if the standard variables of OpenTelemetry name a receiver. Otherwise none of its packages is loaded.
 *
 * @throws {SettingsError} naming each wrong variable: the SDK would use its default, and send traces to the wrong place
 */
export async function startTracing(env: Env): Promise<void> {
  if (!isWanted(env)) {
    return;
  }
  const named = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || PROTOCOLS[0];
  const protocol = PROTOCOLS.find((each) => each === named);
  const mistakes = mistakesOf(env);
  if (protocol === undefined) {
    mistakes.push(`OTEL_EXPORTER_OTLP_PROTOCOL must be one of ${PROTOCOLS.join(', ')}`);
  }
  if (protocol === undefined || mistakes.length > 0) {
    throw new SettingsError(`The configuration is wrong:\n${mistakes.map((line) => `  ${line}`).join('\n')}`);
  }
  const { createTracer } = await import('./tracer.js');
  started = await createTracer(protocol);
}

function isWanted(env: Env): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT || '';
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none';
  return endpoint !== '' && !isOff;
}

function mistakesOf(env: Env): string[] {
  const sampler = env.OTEL_TRACES_SAMPLER || 'parentbased_always_on';
  const share = Number(env.OTEL_TRACES_SAMPLER_ARG || 1);
  return [
    ...ENDPOINTS.filter((name) => env[name] && !isHttpUrl(env[name])).map(
      (name) => `${name} must be a URL of the form http://host:4318`,
    ),
    ...(SAMPLERS.includes(sampler) ? [] : [`OTEL_TRACES_SAMPLER must be one of ${SAMPLERS.join(', ')}`]),
    ...(sampler.endsWith('traceidratio') && !(share >= 0 && share <= 1)
      ? ['OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1']
      : []),
  ];
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

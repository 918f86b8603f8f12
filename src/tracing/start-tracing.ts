import { SettingsError } from '../config/settings.js';
import { setTracing } from './tracing.js';

type Env = Readonly<Record<string, string | undefined>>;

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/**
 * Starts tracing if the environment names where traces go, by the standard variables of OpenTelemetry. Otherwise none
 * of its packages is even loaded.
 *
 * @throws {SettingsError} if traces are wanted over a protocol that the service does not speak
 */
export async function startTracing(env: Env): Promise<void> {
  if (!isWanted(env)) {
    return;
  }
  const named = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || PROTOCOLS[0];
  const protocol = PROTOCOLS.find((each) => each === named);
  if (protocol === undefined) {
    throw new SettingsError(
      `The configuration is wrong:\n  OTEL_EXPORTER_OTLP_PROTOCOL must be one of ${PROTOCOLS.join(', ')}`,
    );
  }
  const { createTracer } = await import('./create-tracer.js');
  setTracing(await createTracer(protocol));
}

function isWanted(env: Env): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT || '';
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none';
  return endpoint !== '' && !isOff;
}

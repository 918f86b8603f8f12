import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTracing } from '../../src/telemetry/tracing/tracing.js';
import { createDatabase } from '../support/database.js';
import { useDatabase } from '../support/hooks.js';
import { Scrape } from '../support/metrics.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { TraceReceiver, type ReceivedSpan } from '../support/trace-receiver.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = 'b7ad6b7169203331';
/** Run before a process: prints every module that is loaded. */
const PRINT_MODULES = `
  import { registerHooks } from 'node:module';
  registerHooks({ load: (url, context, next) => (process.stdout.write(url + '\\n'), next(url, context)) });
`;
const [SAMPLED, NOT_SAMPLED] = [`00-${TRACE_ID}-${PARENT_ID}-01`, `00-${TRACE_ID}-${PARENT_ID}-00`];

const database = useDatabase();

test('a call that writes is one trace: the request, its batch, and every statement by name', async () => {
  const spans = await spansOf(
    {},
    async ({ client }) => {
      // The first call also reads the policy, which the second one knows.
      await client.send('GET', '/contacts/1', undefined, { traceparent: NOT_SAMPLED });
      await client.send(
        'POST',
        '/identify',
        { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' },
        { traceparent: SAMPLED },
      );
    },
    (received) => received.length >= 6,
  );
  const request = spans.find(({ name }) => name === 'POST /identify');
  expect(request).toMatchObject({ traceId: TRACE_ID, parentSpanId: PARENT_ID });
  expect(attributesOf(request!)).toEqual({
    'http.request.method': 'POST',
    'http.route': '/identify',
    'http.response.status_code': '200',
  });
  expect(treeOf(spans, request!)).toEqual({
    'POST /identify': [
      {
        batch: [
          { contact_load: [] },
          {
            transaction: [
              { contact_draw: [] },
              { [spans.find(({ name }) => name.endsWith('commit'))!.name]: [] },
            ],
          },
        ],
      },
    ],
  });
});

test('calls that wait for one batch are linked with it, and it stands in the trace of the first', async () => {
  const spans = await spansOf(
    { BATCH_LANES: '1' },
    async (service) => {
      const locker = new pg.Client({ connectionString: database.url });
      await locker.connect();
      await locker.query('begin; lock table identifier in access exclusive mode');
      const first = service.client.identify({ phoneNumber: '7000' });
      await until(async () => (await Scrape.of(service)).value('identity_batches_under_way') === 1);
      const others = Array.from({ length: 5 }, (_, i) => service.client.identify({ phoneNumber: `800${i}` }));
      await until(async () => (await Scrape.of(service)).value('identity_sightings_waiting') >= 5);
      await locker.query('commit');
      await locker.end();
      await Promise.all([first, ...others]);
    },
    hasBatchOfFive,
  );
  const requests = spans.filter(({ name }) => name === 'POST /identify');
  const batch = spans.find(isBatchOfFive)!;
  const others = batch.links.map(({ spanId }) => spanId);
  expect(others).toHaveLength(4);
  expect(requests.map(({ spanId }) => spanId)).toEqual(
    expect.arrayContaining([...others, batch.parentSpanId]),
  );
  const linkedBack = requests.filter(({ links }) => links.some(({ spanId }) => spanId === batch.spanId));
  expect(linkedBack.map(({ spanId }) => spanId).toSorted()).toEqual(others.toSorted());
});

test('what the caller does not sample leaves no span, neither do probes', async () => {
  const spans = await spansOf({}, async ({ client }) => {
    await client.send('POST', '/identify', { phoneNumber: '88' }, { traceparent: NOT_SAMPLED });
    await client.send('GET', '/health/ready');
  });
  expect(spans).toEqual([]);
});

test('the standard variable decides what share is sampled', async () => {
  const spans = await spansOf(
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
    async ({ client }) => {
      await client.send('GET', '/contacts/1');
      await client.send('GET', '/contacts/1', undefined, { traceparent: 'malformed' });
    },
  );
  expect(spans).toEqual([]);
});

test('a statement that fails is marked with its code and nothing else', async () => {
  const empty = await createDatabase({ isMigrated: false });
  const spans = await spansOf(
    { DATABASE_URL: empty.url, MIGRATE_ON_START: 'false' },
    ({ client }) => client.send('GET', '/contacts/1'),
    (received) => received.length >= 2,
  );
  await empty.drop();
  expect(spans.map((span) => [span.name, span.status, attributesOf(span)['error.type']])).toEqual([
    ['tenant_policy_load', { code: 2 }, '42P01'],
    ['GET /contacts/:id', { code: 2 }, '503'],
  ]);
});

test('a line of the log that concerns a request names its trace', async () => {
  await using receiver = await TraceReceiver.start();
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    LOG_LEVEL: 'debug',
    ...receiver.env,
  });
  await service.client.send('GET', '/contacts/1', undefined, { traceparent: SAMPLED });
  await service.end('SIGTERM');
  expect(service.output).toContain(`"traceId":"${TRACE_ID}","method":"GET","route":"/contacts/:id"`);
});

test('without a protocol named, traces are sent as the specification has it: protobuf', async () => {
  await using receiver = await TraceReceiver.start();
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    ...receiver.env,
    OTEL_EXPORTER_OTLP_PROTOCOL: '',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=hill-valley',
  });
  await service.client.find(1);
  await receiver.until(() => receiver.bodies.length > 0);
  await service.end('SIGTERM');
  const [body] = receiver.bodies;
  expect(body).not.toMatch(/^\{/);
  expect(body).toContain('GET /contacts/:id');
  expect(body).toContain('identity-reconciliation');
  expect(body).toContain('hill-valley');
});

test('a receiver that is not there is said once, and costs no call', async () => {
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_BSP_SCHEDULE_DELAY: '50',
    OTEL_EXPORTER_OTLP_TIMEOUT: '100',
  });
  for (let i = 0; i < 10; i++) {
    expect(await service.client.identify({ phoneNumber: '1955' })).toMatchObject({ emails: [] });
    await sleep(60);
  }
  expect(await service.end('SIGTERM')).toBe(0);
  expect(service.output.match(/Traces can not be exported/g)).toHaveLength(1);
});

test('a protocol that the service does not speak is refused', async () => {
  const { code, output } = await ServiceProcess.startAndFail({
    DATABASE_URL: database.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  });
  expect(code).toBe(1);
  expect(output).toContain('OTEL_EXPORTER_OTLP_PROTOCOL must be one of http/protobuf, http/json');
});

test('what would send traces elsewhere, or another share of them, is refused by name', async () => {
  const { code, output } = await ServiceProcess.startAndFail({
    DATABASE_URL: database.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '5',
  });
  expect(code).toBe(1);
  expect(output).toContain('OTEL_EXPORTER_OTLP_ENDPOINT must be a URL of the form http://host:4318');
  expect(output).toContain('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1');
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_SAMPLER: 'sometimes' };
  await expect(startTracing(env)).rejects.toThrow('OTEL_TRACES_SAMPLER must be one of always_on, always_off');
});

test.each([
  ['no endpoint is set', {}],
  ['the SDK is disabled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' }],
])('the packages of OpenTelemetry are not even loaded where %s', async (_, env) => {
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRINT_MODULES)}`,
    ...env,
  });
  await service.client.find(1);
  await service.end('SIGTERM');
  expect(service.output).toContain('dist/src/telemetry/tracing/tracing.js');
  expect(service.output).not.toMatch(/@opentelemetry\/(sdk|exporter|resources|core|otlp)/);
});

/** Everything that a service exports of what is done with it. `isAll`: whether all is there that must come. */
async function spansOf(
  env: Record<string, string>,
  work: (service: ServiceProcess) => Promise<unknown>,
  isAll: (spans: readonly ReceivedSpan[]) => boolean = () => true,
): Promise<ReceivedSpan[]> {
  await using receiver = await TraceReceiver.start();
  const service = await ServiceProcess.start({ DATABASE_URL: database.url, ...receiver.env, ...env });
  await work(service);
  // what is left at the end is exported too, but a shutdown does not wait for long
  await receiver.until(() => isAll(receiver.spans));
  await service.end('SIGTERM');
  return receiver.spans;
}

function isBatchOfFive(span: ReceivedSpan): boolean {
  return attributesOf(span)['identity.batch.size'] === '5';
}

function hasBatchOfFive(spans: readonly ReceivedSpan[]): boolean {
  return spans.some(isBatchOfFive) && spans.filter(({ name }) => name === 'POST /identify').length === 6;
}

function attributesOf({ attributes }: ReceivedSpan): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, String(Object.values(value as object)[0])]),
  );
}

interface Tree {
  readonly [name: string]: Tree[];
}

function treeOf(spans: readonly ReceivedSpan[], { name, spanId }: ReceivedSpan): Tree {
  const children = spans.filter(({ parentSpanId }) => parentSpanId === spanId);
  return { [name]: children.map((child) => treeOf(spans, child)) };
}

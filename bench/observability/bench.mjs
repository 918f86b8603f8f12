// What logs, metrics and traces cost: CPU time of the service a call, with each of them on and off, in turn on one
// PostgreSQL. `npm run bench:observability -- [rounds] [calls a slice]`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import pg from 'pg';
import { PostgresServer } from '../../test/support/postgres-server.ts';

const CALLERS = 64;
const KNOWN = 1000;
/** Linux counts CPU time in hundredths of a second. */
const TICK_US = 10_000;
const rounds = Number(process.argv[2] ?? 7);
const calls = Number(process.argv[3] ?? 6000);

const receiver = createServer((incoming, response) => {
  incoming.resume().on('end', () => response.end('{}'));
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const traces = {
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.address().port}`,
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
};
const VARIANTS = {
  'all off': { METRICS_PORT: 'off', LOG_LEVEL: 'silent' },
  'logs (info)': { METRICS_PORT: 'off' },
  'logs, metrics': { METRICS_PORT: '0' },
  'logs, metrics, traces (1 %)': { METRICS_PORT: '0', ...traces, OTEL_TRACES_SAMPLER_ARG: '0.01' },
  'logs, metrics, traces (all)': { METRICS_PORT: '0', ...traces, OTEL_TRACES_SAMPLER_ARG: '1' },
  'logs with a line a call (debug), metrics': { METRICS_PORT: '0', LOG_LEVEL: 'debug' },
};

const server = await PostgresServer.start();
const database = Object.assign(new URL(server.url), { pathname: '/bench' }).href;
const client = new pg.Client({ connectionString: server.url });
await client.connect();
await client.query('create database bench');
await client.end();
const migration = spawn(process.execPath, ['dist/src/cli/main.js', 'migrate'], {
  env: { DATABASE_URL: database },
  stdio: 'ignore',
});
await once(migration, 'close');

const services = [];
for (const [name, env] of Object.entries(VARIANTS)) {
  services.push({ name, ...(await start(env)), costs: [] });
}
let fresh = 0;
const known = (i) => ({ email: `known${i % KNOWN}@hillvalley.edu`, phoneNumber: `${i % KNOWN}0055` });
const mixed = (i) => (i % 10 === 0 ? { email: `new${fresh++}@hillvalley.edu` } : known(i));
await slice(services[0], KNOWN, known);
for (const service of services) {
  await slice(service, calls, mixed);
}
for (let round = 0; round < rounds; round++) {
  for (const service of services) {
    service.costs.push(await slice(service, calls, mixed));
  }
}
for (const { name, costs } of services) {
  const ratios = costs.map((cost, round) => cost / services[0].costs[round]);
  process.stdout.write(
    `${name.padEnd(42)} ${median(costs).toFixed(1).padStart(6)} µs a call, ${median(ratios).toFixed(3)} of all off\n`,
  );
}
services.forEach(({ child }) => child.kill('SIGKILL'));
receiver.close();
receiver.closeAllConnections();
await server.stop();

async function start(env) {
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=8', '--heap-growing-percent=50', 'dist/src/main.js'],
    {
      env: { DATABASE_URL: database, PORT: '0', ...env, ...(env.LOG_LEVEL === 'silent' && { PORT: '3997' }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.on('data', (chunk) => {
    output = (output + chunk).slice(-20_000);
  });
  const port = () => /Listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
  for (let tries = 0; tries < 300; tries++) {
    const found = env.LOG_LEVEL === 'silent' ? 3997 : port();
    const isReady =
      found && (await fetch(`http://127.0.0.1:${found}/health/ready`).catch(() => null))?.status === 200;
    if (isReady) {
      return { child, port: Number(found), agent: new Agent({ keepAlive: true, maxSockets: CALLERS }) };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the service did not start: ${output}`);
}

/** Makes so many calls, 64 at a time; returns the CPU time of the service in µs a call. */
async function slice({ child, port, agent }, count, body) {
  const before = cpuUs(child.pid);
  let next = 0;
  const caller = async () => {
    while (next < count) {
      await post(port, agent, JSON.stringify(body(next++)));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (cpuUs(child.pid) - before) / count;
}

function post(port, agent, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const call = request({ port, agent, host: '127.0.0.1', path: '/identify', method: 'POST', headers });
    call.on('error', reject).on('response', (response) => {
      response
        .resume()
        .on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(response.statusCode))));
    });
    call.end(body);
  });
}

function cpuUs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

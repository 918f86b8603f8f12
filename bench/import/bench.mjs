// `npm run bench:import`: how long an import takes, against a bare COPY of the rows that it writes, into the same tables
// with the same indexes and constraints. Each round imports into a fresh copy of one database and then copies into
// another one. ROWS and ROUNDS set the size; `BATCH_SIZES=500,1000` compares batch sizes.
import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { PostgresServer } from '../../test/support/postgres-server.ts';

const ROWS = Number(process.env.ROWS ?? 1_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const BATCH_SIZES = (process.env.BATCH_SIZES ?? '').split(',').map(Number).filter(Boolean);

const say = (text) => process.stdout.write(`${text}\n`);
const folder = await mkdtemp(join(tmpdir(), 'bench-import-'));
const server = await PostgresServer.start();
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
try {
  const file = join(folder, 'people.csv');
  await writePeople(file);
  await seed();
  say(`${ROWS.toLocaleString('en')} rows into ${ROWS.toLocaleString('en')} contacts, ${ROUNDS} rounds`);
  const results = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    for (const batchSize of BATCH_SIZES.length > 0 ? BATCH_SIZES : [null]) {
      const imported = await importOnce(file, batchSize);
      const copySeconds = await copyOnce();
      const ratio = copySeconds / imported.seconds;
      const key = batchSize === null ? 'default batch size' : `batches of ${batchSize}`;
      results.set(key, [...(results.get(key) ?? []), ratio]);
      say(
        `${key}: import ${imported.seconds.toFixed(1)} s (${Math.round(ROWS / imported.seconds)}/s, peak ${imported.peakMb} MB), ` +
          `COPY ${copySeconds.toFixed(1)} s, ratio ${ratio.toFixed(2)}`,
      );
    }
  }
  for (const [key, ratios] of results) {
    const sorted = ratios.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    say(
      `${key}: median ${median.toFixed(2)}, from ${sorted[0].toFixed(2)} to ${sorted.at(-1).toFixed(2)} of a bare COPY`,
    );
  }
} finally {
  await admin.end();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

/** 70 % new people, 12 % known ones with a new phone number, 13 % known ones, 5 % that join two. */
async function writePeople(file) {
  const out = createWriteStream(file);
  out.write('name,email,phone,created_at\n');
  for (let i = 0; i < ROWS; i++) {
    const shape = ((i * 2_654_435_761) >>> 0) % 100;
    const known = ((i * 40_503) % ROWS) + 1;
    const email = shape < 70 ? `Customer.${i}@shop${i % 90}.example` : `old${known}@shop.example`;
    const number =
      shape < 82 ? newPhone(i) : `2${String(shape < 95 ? known : ((known * 7) % ROWS) + 1).padStart(9, '0')}`;
    const date = new Date(1_600_000_000_000 + i * 60_000).toISOString();
    if (!out.write(`"Person, ${i}",${email},${number},${date}\n`)) {
      await once(out, 'drain');
    }
  }
  out.end();
  await once(out, 'finish');
}

/** Half of them international, whose normal form takes a library, and half national. */
function newPhone(i) {
  const digits = String(i).padStart(7, '0');
  return i % 2 === 0 ? `5${digits.padStart(9, '0')}` : `+49 30 ${digits}`;
}

async function onDatabase(name, work) {
  const url = Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work((text) => client.query(text), url);
  } finally {
    await client.end();
  }
}

async function seed() {
  await admin.query('create database seed');
  await onDatabase('seed', async (query, url) => {
    await run('dist/src/cli/main.js', ['migrate'], url);
    await query(`insert into contact (tenant_id, id, email, phone_number, link_precedence, created_at, updated_at)
      select 1, i, 'old' || i || '@shop.example', '2' || lpad(i::text, 9, '0'), 'primary', timestamptz '2019-01-01' + i * interval '1 second', now()
      from generate_series(1, ${ROWS}) i`);
    await query(
      `insert into identifier select 1, 0, email, id from contact union all select 1, 1, phone_number, id from contact`,
    );
    await query(`select setval('contact_id_seq', ${ROWS})`);
    await query('vacuum (freeze, analyze)');
  });
}

async function fresh(name) {
  await admin.query(`drop database if exists ${name} with (force)`);
  await admin.query(`create database ${name} template seed`);
  await admin.query('checkpoint');
}

async function importOnce(file, batchSize) {
  await fresh('imported');
  return onDatabase('imported', async (_, url) => {
    const flags = ['--json', '--quiet', ...(batchSize === null ? [] : ['--batch-size', String(batchSize)])];
    const startedAt = performance.now();
    const { peakMb } = await run('dist/src/cli/main.js', ['import', file, ...flags], url);
    // the whole command, its start included
    return { seconds: (performance.now() - startedAt) / 1000, peakMb };
  });
}

/** Files of the server's own, so that the client costs nothing. */
async function copyOnce() {
  const tables = [
    ['contact', `select * from contact where id > ${ROWS}`],
    ['identifier', `select * from identifier where contact_id > ${ROWS}`],
    ['identity_merge', 'select * from identity_merge'],
  ];
  const path = await onDatabase('imported', async (query) => {
    const { rows } = await query('show data_directory');
    for (const [table, text] of tables) {
      await query(`copy (${text}) to '${rows[0].data_directory}/${table}.copy'`);
    }
    return rows[0].data_directory;
  });
  await fresh('copied');
  return onDatabase('copied', async (query) => {
    const startedAt = performance.now();
    for (const [table] of tables) {
      await query(`copy ${table} from '${path}/${table}.copy'`);
    }
    return (performance.now() - startedAt) / 1000;
  });
}

/** Runs a built program to its end; the peak of its memory where the system tells it. */
async function run(script, args, databaseUrl) {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peakMb = 0;
  const watch = setInterval(() => (peakMb = Math.max(peakMb, peakOf(child.pid))), 250);
  child.stdout.resume();
  const [code] = await once(child, 'close');
  clearInterval(watch);
  if (code !== 0) {
    throw new Error(`${script} ended with ${code}`);
  }
  return { peakMb };
}

function peakOf(pid) {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);
  } catch {
    return 0;
  }
}

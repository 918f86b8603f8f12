import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emailOf, identityAt, identityCount, phoneOf, populationOf } from './customers/population.js';
import { onConnection } from '../test/support/on-connection.js';
import { createDatabase } from './database/databases.js';
import { fill } from './database/fill.js';
import { rssMbOf } from './measuring/processes.js';
import type { Contestant, Slice } from './measuring/rounds.js';
import { startNode } from './processes/children.js';
import type { Plan } from './suites.js';

/** What an import writes, by the condition that tells it from what was there. */
const WRITTEN = (contacts: number): readonly (readonly [table: string, condition: string])[] => [
  ['contact', `id > ${contacts}`],
  ['identifier', `contact_id > ${contacts}`],
  ['identity_merge', 'true'],
  ['contact_past', 'true'],
  ['event_outbox', 'true'],
];

/**
 * An import, and a bare COPY of the rows that it wrote, each into a copy of one filled database with the same indexes
 * and constraints. The whole command is measured, its start included.
 *
 * @param serverUrl a superuser's, on this machine: COPY uses files of the server
 */
export async function importPlan(
  serverUrl: string,
  rows: number,
  rounds: number,
  atEnd: (undo: () => Promise<unknown>) => void,
): Promise<Plan> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-import-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'customers.csv');
  await writeCustomers(file, rows);
  const population = populationOf(rows, 0);
  const seed = await createDatabase(serverUrl, atEnd);
  await fill(seed.client, population, false);
  // A database with connections can't be copied.
  await seed.client.end();
  const template = new URL(seed.url).pathname.slice(1);
  const imported = `${template}_imported`;
  const copied = `${template}_copied`;
  for (const name of [imported, copied]) {
    atEnd(() =>
      onConnection(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`)),
    );
  }
  const urlOf = (name: string): string => Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  const renew = (name: string): Promise<unknown> =>
    onConnection(serverUrl, async (client) => {
      await client.query(`drop database if exists ${name} with (force)`);
      await client.query(`create database ${name} template ${template}`);
      await client.query('checkpoint');
    });

  const runImport: Contestant = {
    name: 'import',
    run: async () => {
      await renew(imported);
      const from = performance.now();
      const rssMb = await runCommand(['import', file, '--json', '--quiet'], urlOf(imported));
      return sliceOf(rows, performance.now() - from, rssMb);
    },
  };
  const runCopy: Contestant = {
    name: 'COPY',
    run: async () => {
      const tables = WRITTEN(population.contacts);
      const directory = await onConnection(urlOf(imported), async (client) => {
        const { rows: found } = await client.query<{ data_directory: string }>('show data_directory');
        const path = found[0]!.data_directory;
        for (const [name, condition] of tables) {
          await client.query(`copy (select * from ${name} where ${condition}) to '${path}/${name}.copy'`);
        }
        return path;
      });
      await renew(copied);
      return onConnection(urlOf(copied), async (client) => {
        const from = performance.now();
        for (const [name] of tables) {
          await client.query(`copy ${name} from '${directory}/${name}.copy'`);
        }
        return sliceOf(rows, performance.now() - from, null);
      });
    },
  };
  return {
    suite: 'import',
    title: 'Import',
    note: `A call is a row of a CSV file; ${rows.toLocaleString('en')} rows into ${population.contacts.toLocaleString('en')} contacts. COPY writes the rows that the import wrote.`,
    connections: 1,
    replicas: 1,
    rounds,
    contestants: [runImport, runCopy],
  };
}

/** 70 % new customers, 12 % known ones with a new phone number, 13 % known ones, 5 % that join two. */
async function writeCustomers(file: string, rows: number): Promise<void> {
  const population = populationOf(rows, 0);
  const identities = identityCount(population);
  const out = createWriteStream(file);
  out.write('name,email,phone,created_at\n');
  for (let i = 0; i < rows; i++) {
    const share = (i * 37) % 100;
    const [known, other] = [identityAt(i % identities), identityAt((i + 1) % identities)];
    const fresh = population.contacts + 1 + i;
    const email = share < 70 ? emailOf(fresh) : known.emails[0]!;
    const phone = share < 82 ? phoneOf(fresh) : (share < 95 ? known : other).phoneNumbers[0]!;
    const date = new Date(1_735_689_600_000 + i * 60_000).toISOString();
    if (!out.write(`"Customer, ${i}",${email},${phone},${date}\n`)) {
      await once(out, 'drain');
    }
  }
  out.end();
  await once(out, 'finish');
}

/** Runs the built command to its end; returns the peak of its memory in MB. */
async function runCommand(args: readonly string[], url: string): Promise<number | null> {
  const child = startNode(new URL('../src/cli/main.js', import.meta.url), {
    args,
    env: { DATABASE_URL: url },
  });
  let output = '';
  child.stdout?.resume();
  child.stderr?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
  let peakMb: number | null = null;
  const watch = setInterval(() => (peakMb = Math.max(peakMb ?? 0, rssMbOf([child.pid!]) ?? 0) || null), 100);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(watch);
  if (code !== 0) {
    throw new Error(`${args.join(' ')} ended with ${code}:\n${output}`);
  }
  return peakMb;
}

function sliceOf(rows: number, elapsedMs: number, rssMb: number | null): Slice {
  const unknown = Number.NaN;
  return {
    calls: rows,
    elapsedMs,
    callsPerSecond: (rows / elapsedMs) * 1000,
    p50Ms: unknown,
    p95Ms: unknown,
    p99Ms: unknown,
    checked: 0,
    mistakes: [],
    mistakeCount: 0,
    driverCpuMs: unknown,
    serviceCpuMs: null,
    postgresCpuMs: null,
    rssMb,
  };
}

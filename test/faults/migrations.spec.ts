import { MikroORM } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ormOptions } from '../../mikro-orm.config.js';
import { Settings } from '../../src/config/settings.js';
import { migrate } from '../../src/database/schema/migrate.js';
import { missingMigrations } from '../../src/database/schema/schema-version.js';
import { CHILD_ENV } from '../support/child-env.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { random, seedOf } from '../support/random.js';
import { Caller, failed, slowestMs, tally } from './harness/caller.js';
import { report, seconds } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { fair, watchStalls } from './harness/stalls.js';
import { crowd, Traffic } from './harness/traffic.js';

const RUNNERS = 10;
const ROUNDS = scaled(5, 1);
const HELD_AT_MOST_MS = 2_000;
/** How long a reader keeps a table from being altered. */
const READER_MS = scaled(15_000, 5_000);

let database: TestDatabase;

beforeEach(async () => {
  database = await createDatabase({ isMigrated: false });
});

afterEach(async () => {
  await killServices();
  await database.drop();
});

/** `npm run migration:up`, as a process that was built. */
function startRunner(): { child: ChildProcess; exit: Promise<number | null>; end: Promise<string> } {
  const child = spawn(process.execPath, [resolve('dist/src/cli/main.js'), 'migrate'], {
    env: { ...CHILD_ENV, DATABASE_URL: database.url },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  return { child, exit, end: describeEnd(child.stderr, exit) };
}

/** The exit code, and what was said on standard error. */
async function describeEnd(stderr: Readable, exit: Promise<number | null>): Promise<string> {
  const said = await text(stderr);
  return `${await exit} ${said}`.trim();
}

async function applied(): Promise<string[]> {
  const rows = await database.query<{ name: string }>('select name from mikro_orm_migrations order by id');
  return rows.map(({ name }) => name);
}

function options(): ReturnType<typeof ormOptions> {
  return { ...ormOptions(new Settings({ DATABASE_URL: database.url }), 'migrate'), logger: () => undefined };
}

/** What this build needs and the database lacks. */
async function missing(): Promise<string[]> {
  const orm = await MikroORM.init(options());
  try {
    return await missingMigrations(orm);
  } finally {
    await orm.close();
  }
}

test(
  'of ten runners at once one applies each migration, and all end well',
  async () => {
    const ends: string[] = [];
    const twice: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const runners = Array.from({ length: RUNNERS }, startRunner);
      ends.push(...(await Promise.all(runners.map(({ end }) => end))));
      const names = await applied();
      twice.push(...names.filter((name, index) => names.indexOf(name) !== index));
      expect(await missing()).toEqual([]);
      if (round < ROUNDS - 1) {
        await database.drop();
        database = await createDatabase({ isMigrated: false });
      }
    }
    const bad = ends.filter((end) => end !== '0');
    report(
      'migrations are safe: many runners',
      '10 at once: each migration applied once, all exit 0',
      `${ROUNDS} × ${RUNNERS} runners: ${ends.length - bad.length} of ${ends.length} exits with 0, ${twice.length} applied twice`,
    );
    expect(twice).toEqual([]);
    expect(bad).toEqual([]);
  },
  LONG_MS,
);

test(
  'a runner that is killed half-way leaves nothing behind, and the next run does it all',
  async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const blocker = new pg.Client({ connectionString: database.url });
      await blocker.connect();
      // The runner has made contact and identifier by the time that it comes to wait for this name.
      await blocker.query('begin; create table identity_merge (id int)');
      const { child, exit } = startRunner();
      await until(async () => {
        const waiting = await database.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return waiting.length > 0;
      });
      child.kill('SIGKILL');
      expect(await exit).toBeNull();
      await blocker.query('rollback');
      await blocker.end();
      expect(await startRunner().exit).toBe(0);
      expect(await missing()).toEqual([]);
      if (round < ROUNDS - 1) {
        await database.drop();
        database = await createDatabase({ isMigrated: false });
      }
    }
    report(
      'migrations are safe: runner killed half-way',
      'the next run heals',
      `${ROUNDS} of ${ROUNDS} kills healed by the next run`,
    );
  },
  LONG_MS,
);

class AddNote extends Migration {
  override up(): void {
    this.addSql('alter table contact add column note text null');
    this.addSql('alter table identifier add column note text null');
  }
}

test(
  'a migration that must wait for a busy table holds nobody up for long, and is applied once the table is free',
  async () => {
    await migrate(options());
    const service = await startService({ DATABASE_URL: database.url });
    const caller = new Caller(service.client.url);
    const next = random(seedOf('migrations'));
    const traffic = new Traffic(16, () => caller, crowd(next, 2_000, 'marvin'), 5);
    await traffic.more(200);
    watchStalls();
    const reader = new pg.Client({ connectionString: database.url });
    await reader.connect();
    await reader.query('begin; select from contact limit 1');
    const extended = {
      ...options(),
      migrations: { ...options().migrations, migrationsList: [{ name: 'AddNote', class: AddNote }] },
    };
    let isMigrated = false;
    const migrating = migrate(extended).then((names) => {
      isMigrated = true;
      return names;
    });
    await sleep(READER_MS);
    const wasEarly = isMigrated;
    await reader.query('commit');
    await reader.end();
    expect(await migrating).toEqual(['AddNote']);
    await traffic.more(200);
    const calls = await traffic.stop();
    report(
      'migrations are safe: busy table',
      'no lock held > 2 s',
      `${calls.length} calls: ${tally(calls)}, held up for ≤ ${seconds(slowestMs(calls))} by a migration that waited ${READER_MS / 1000} s`,
    );
    expect(wasEarly).toBe(false);
    expect(failed(calls).slice(0, 3)).toEqual([]);
    expect(slowestMs(calls)).toBeLessThanOrEqual(fair(HELD_AT_MOST_MS));
    caller.close();
    expect(await service.end('SIGTERM')).toBe(0);
  },
  LONG_MS,
);

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) {
    await sleep(10);
  }
}

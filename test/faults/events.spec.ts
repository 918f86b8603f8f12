import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { command } from '../support/command.js';
import { Follower, type Followed } from '../support/follower.js';
import { useDatabase } from '../support/hooks.js';
import { random, seedOf } from '../support/random.js';
import type { ServiceProcess } from '../support/service-process.js';
import { untold } from '../support/told.js';
import { Caller, tally } from './harness/caller.js';
import { audit, SOUND } from './harness/ledger.js';
import { progress, report } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';
import { crowd, Traffic } from './harness/traffic.js';

const EVENTS = scaled(100_000, 1_000);
const KILLS = scaled(60, 2);
const REPLICAS = 3;

interface Event extends Followed {
  readonly id: string;
  readonly sequence: string;
  readonly data: Followed['data'] & { readonly version?: number };
}

interface Page {
  readonly events: readonly Event[];
  readonly next: string;
}

const database = useDatabase();
let folder = '';

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'events-'))));
afterAll(async () => {
  await killServices();
  rmSync(folder, { recursive: true });
});

/** Reads all events after a cursor from whichever replica answers. */
class Reader {
  readonly events: Event[] = [];

  constructor(
    private readonly urls: () => readonly string[],
    private cursor: string | null,
  ) {}

  /** @returns whether there was anything */
  async read(wait: number): Promise<boolean> {
    const urls = this.urls();
    const after = this.cursor === null ? '' : `&after=${this.cursor}`;
    const url = `${urls[this.events.length % urls.length]}/events?limit=200&wait=${wait}${after}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) }).catch(() => null);
    if (response?.status !== 200) {
      // it was killed, or is about to start
      await response?.arrayBuffer().catch(() => undefined);
      await sleep(20);
      return true;
    }
    const page = (await response.json().catch(() => null)) as Page | null;
    this.events.push(...(page?.events ?? []));
    this.cursor = page?.next ?? this.cursor;
    return page === null || page.events.length > 0;
  }
}

test(
  'who follows the feed from the start, or from an export, knows who is one, however often replicas are killed',
  async () => {
    const next = random(seedOf('events'));
    const start = async (): Promise<{ service: ServiceProcess; caller: Caller }> => {
      const service = await startService({ DATABASE_URL: database.url, BATCH_MAX: '16' });
      return { service, caller: new Caller(service.client.url) };
    };
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, start));
    const urls = (): string[] => replicas.map(({ service }) => service.client.url);
    // a transaction that has written, and goes on for as long as the test
    const foreign = new pg.Client({ connectionString: database.url });
    await foreign.connect();
    await foreign.query('create table elsewhere (id int)');
    await foreign.query('begin; insert into elsewhere values (1)');

    const reader = new Reader(urls, null);
    let isOver = false;
    const reading = (async () => {
      while (!isOver) {
        await reader.read(1);
      }
    })();
    const traffic = new Traffic(
      16,
      (index) => replicas[index % REPLICAS]!.caller,
      crowd(next, EVENTS, 'strickland'),
      20,
    );
    let exported: { readonly people: string; readonly cursor: string } | null = null;
    for (let kill = 1; kill <= KILLS || reader.events.length < EVENTS; kill++) {
      await traffic.more(Math.floor((EVENTS / KILLS) * (0.5 + next())));
      if (kill <= KILLS) {
        const victim = Math.floor(next() * REPLICAS);
        await replicas[victim]!.service.end('SIGKILL');
        replicas[victim]!.caller.close();
        replicas[victim] = await start();
      }
      exported ??= kill * 2 >= KILLS ? await exportNow() : null;
      if (kill % 10 === 0) {
        progress(`${kill} rounds, ${reader.events.length} events`);
      }
    }
    const calls = await traffic.stop();
    await sleep(500);
    while ((await database.query('select from event_outbox')).length > 0) {
      await sleep(50);
    }
    isOver = true;
    await reading;
    while (await reader.read(0)) {
      // to the end
    }

    const fromExport = new Reader(urls, exported!.cursor);
    while (await fromExport.read(0)) {
      // to the end
    }
    const follower = new Follower(membersIn(exported!.people));
    fromExport.events.forEach((event) => follower.follow(event));
    const stored = await database.query<{ id: string; root: string }>(
      'select id, coalesce(linked_id, id) as root from contact where deleted_at is null order by id',
    );
    const positions = reader.events.map(({ sequence }) => Number(sequence));
    const lost = positions.filter((position, i) => position > i + 1).length;
    const doubled = positions.length - new Set(positions).size;
    const outOfOrder = countOutOfOrder(reader.events);
    report(
      'events: replicas killed',
      '100 k events, kill -9 ×60, 3 replicas, a foreign transaction open: 0 lost, 0 doubled, 0 out of causal order',
      `${positions.length} events, kill -9 ×${KILLS} within ${calls.length} calls (${tally(calls)}): ${lost} lost, ${doubled} doubled, ${outOfOrder} out of order`,
    );
    expect({ lost, doubled, outOfOrder }).toEqual({ lost: 0, doubled: 0, outOfOrder: 0 });
    expect(follower.partition).toEqual(stored.map(({ id, root }) => [Number(id), Number(root)]));
    expect(fromExport.events.length).toBeLessThan(reader.events.length);
    expect(await untold(database)).toEqual([]);
    expect(await audit(database, calls)).toEqual(SOUND);
    expect(reader.events.filter(({ type }) => type === 'identity.merged').length).toBeGreaterThan(0);
    await foreign.end();
    replicas.forEach(({ caller }) => caller.close());
    expect(await Promise.all(replicas.map(({ service }) => service.end('SIGTERM')))).toEqual([0, 0, 0]);
  },
  LONG_MS,
);

async function exportNow(): Promise<{ people: string; cursor: string }> {
  const [people, cursor] = [join(folder, 'people.ndjson'), join(folder, 'cursor.txt')];
  const { code } = await command(['export', people, '--cursor-file', cursor], { DATABASE_URL: database.url });
  expect(code).toBe(0);
  return { people: readFileSync(people, 'utf8'), cursor: readFileSync(cursor, 'utf8').trim() };
}

function membersIn(people: string): [contactId: number, primaryId: number][] {
  return people
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { primaryContactId: number; contacts: { id: number }[] })
    .flatMap(({ primaryContactId, contacts }) =>
      contacts.map(({ id }): [number, number] => [id, primaryContactId]),
    );
}

/** Events that tell of an identity what was true before an earlier one. */
function countOutOfOrder(events: readonly Event[]): number {
  const versions = new Map<number, number>();
  return events.filter(({ data: { primaryContactId, version } }) => {
    const known = versions.get(primaryContactId ?? 0) ?? 0;
    versions.set(primaryContactId ?? 0, version ?? 0);
    return version !== undefined && version < known;
  }).length;
}

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { addLargeIdentity } from '../support/large-identity.js';
import { random, seedOf } from '../support/random.js';
import { NOTHING_WRONG, RepairStorm } from '../support/repair-storm.js';
import type { ServiceProcess } from '../support/service-process.js';
import { untilLocked, untilNobodyWrites } from '../support/until.js';
import { recordVersions } from '../support/versions.js';
import { report } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { killServices, startService } from './harness/services.js';

const KILLS = scaled(30, 3);
const CALLS = scaled(12_000, 1_200);
const LARGE_KILLS = scaled(20, 3);
const LARGE = 3_000;
const CALLERS = 12;

const database = useDatabase();
const recorded = useDatabase();

beforeAll(() => recordVersions(recorded));
afterAll(killServices);

test(
  'undo, split, merges, rules and deletions hold while processes are killed and connections end',
  async () => {
    const next = random(seedOf('kills among repairs'));
    const storm = new RepairStorm(recorded, next);
    const start = (cachedFrom: string): Promise<ServiceProcess> =>
      startService({ DATABASE_URL: recorded.url, BATCH_MAX: '8', IDENTITY_CACHE_MIN_CONTACTS: cachedFrom });
    const services = await Promise.all(['1000', '1'].map(start));
    const caller = async (_: unknown, index: number): Promise<void> => {
      while (storm.calls < CALLS) {
        if (!(await storm.call(services[index % 2]!.client))) {
          // until the process is there again
          await sleep(50);
        }
      }
    };
    const callers = Promise.all(Array.from({ length: CALLERS }, caller));
    let ended = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const atCall = Math.floor((CALLS * kill) / (KILLS + 1));
      while (storm.calls < atCall) {
        await sleep(1);
      }
      const connections = await recorded.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name <> 'psql' and pid <> pg_backend_pid() and state <> 'idle'`,
      );
      ended += connections.length;
      const victim = kill % 2;
      await services[victim]!.end('SIGKILL');
      services[victim] = await start(victim === 0 ? '1000' : '1');
    }
    await callers;
    // what a killed process had sent to the recorded may still be carried out
    await sleep(500);
    const wrong = await storm.wrong();
    const cut = Object.values(storm.tally).reduce((sum, { 0: none = 0 }) => sum + none, 0);
    report(
      'changes by hand are whole: service killed',
      `kill -9 ×30 within 12 k calls, connections ended: nothing told is lost, nothing is half done`,
      `kill -9 ×${KILLS} within ${storm.calls} calls, ${ended} connections ended, ${cut} calls cut; ${storm.made('undo')} undone, ${storm.made('split')} split, ${storm.made('merge')} merged; ${JSON.stringify(wrong) === JSON.stringify(NOTHING_WRONG) ? 'nothing wrong' : 'WRONG'}`,
    );
    expect(wrong).toEqual(NOTHING_WRONG);
    expect(cut).toBeGreaterThan(0);
    expect(storm.made('undo')).toBeGreaterThan(10);
    expect(storm.made('split')).toBeGreaterThan(10);
  },
  LONG_MS,
);

test(
  'a process killed in the middle of an undo or a split of thousands has made all of it or nothing',
  async () => {
    const next = random(seedOf('kills amid repairs'));
    const tally = { killed: 0, made: 0, notMade: 0 };
    let changes = 0;
    const locker = new pg.Client({ connectionString: database.url });
    await locker.connect();
    let service = await startService({ DATABASE_URL: database.url });
    for (let round = 0; round < LARGE_KILLS; round++) {
      const one = await addLargeIdentity(database, LARGE, `lorraine${round}x`);
      const other = await addLargeIdentity(database, LARGE, `george${round}x`);
      await database.query('update contact set joined_id = linked_id where linked_id = any($1)', [
        [one.primaryId, other.primaryId],
      ]);
      // by force, because together they have more contacts than the policy allows
      const body = { contactIds: [one.primaryId, other.primaryId], force: true, reason: 'One customer' };
      const { body: merged } = await service.client.send<{ mergeIds: number[] }>('POST', '/merges', body);
      const [path, change] =
        round % 2 === 0
          ? [`/merges/${merged.mergeIds[0]}/undo`, { reason: 'Two customers' }]
          : ['/splits', { contactId: one.primaryId, contactIds: [other.primaryId], reason: 'Two customers' }];
      await locker.query('begin');
      if (round === 0) {
        await locker.query('lock table change in share mode');
      }
      const call = service.client.send<{ changed: boolean }>('POST', path, change).then(
        ({ status }) => status,
        () => 0,
      );
      if (round === 0) {
        // surely in the middle: it has written all but its record
        await untilLocked(database);
      } else {
        // from before the first statement to after the answer, which takes about as long
        await Promise.race([sleep(next() * 700), call]);
      }
      await service.end('SIGKILL');
      await locker.query('rollback');
      const status = await call;
      await untilNobodyWrites(database);
      const found = await database.query<{ count: number }>(
        `select count(*)::int as count from change where kind in ('undo', 'split')`,
      );
      const isMade = found[0]!.count === changes + 1;
      tally.killed += Number(status === 0);
      tally[isMade ? 'made' : 'notMade']++;
      expect(status === 200 && !isMade).toBe(false);
      expect(await violations(database)).toEqual({});
      service = await startService({ DATABASE_URL: database.url });
      // Made again or for the first time, it ends in the same.
      const { status: again } = await service.client.send('POST', path, change);
      expect(again).toBe(isMade && path === '/splits' ? 422 : 200);
      changes++;
      const shown = await service.client.find(other.primaryId);
      expect(shown!.primaryContactId).toBe(other.primaryId);
    }
    await locker.end();
    report(
      'changes by hand are whole: killed amid one of thousands of contacts',
      'kill -9 ×20: all or nothing, and the repetition completes it',
      `kill -9 ×${LARGE_KILLS}: ${tally.killed} before the answer; ${JSON.stringify(tally)}`,
    );
    expect(tally.killed).toBeGreaterThan(0);
  },
  LONG_MS,
);

import { Command } from '../support/command.js';
import { useDatabase } from '../support/hooks.js';
import { partition, violations } from '../support/invariants.js';
import { addOldForms, REGION } from '../support/old-forms.js';
import { closure } from '../support/union-find.js';
import { until } from '../support/until.js';
import { report } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';

const KILLS = scaled(20, 2);
/** Old forms between two kills: what a run changes in some transactions. */
const EACH = 2_000;

const database = useDatabase();

const start = (): Command =>
  new Command(['identities', 'renormalise', '--quiet', '--json'], {
    DATABASE_URL: database.url,
    DEFAULT_PHONE_REGION: REGION,
  });

async function oldForms(): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `select count(*)::int as count from identifier where kind = 1 and value like '0%'`,
  );
  return row!.count;
}

test(
  'a run that is killed has made each transaction wholly or not at all, and the next one goes on with the rest',
  async () => {
    const people = KILLS * EACH;
    const sightings = await addOldForms(database, people);
    const left: number[] = [people];
    for (let kill = 0; kill < KILLS; kill++) {
      const command = start();
      await until(async () => (await oldForms()) < left.at(-1)! || !command.isRunning);
      command.kill('SIGKILL');
      await command.end();
      left.push(await oldForms());
      expect(await violations(database)).toEqual({});
    }
    const last = await start().end();
    const again = await start().end();
    report(
      'values get their normal form whole: command killed',
      'kill -9 ×20: nothing is half done, the next run finishes it',
      `kill -9 ×${KILLS} within ${people} values; left after each: ${left.join(', ')}; then ${last.code === 0 ? 'finished' : 'NOT FINISHED'}`,
    );
    expect(last).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(last.stdout)).toMatchObject({ changed: left.at(-1), isComplete: true });
    expect(JSON.parse(again.stdout)).toMatchObject({ changed: 0, contacts: 0, merges: 0, changeId: null });
    expect(await violations(database)).toEqual({});
    expect(await partition(database)).toEqual(closure(sightings));
    // Each kill was amid the work.
    expect(left.filter((count) => count > 0 && count < people)).toHaveLength(KILLS);
  },
  LONG_MS,
);

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../support/command.js';
import { useDatabase, useService } from '../support/hooks.js';
import { random, seedOf } from '../support/random.js';
import { until } from '../support/until.js';

const EXAMPLE = 'clients/python/examples/partition_copy.py';
const KILLS = 4;

const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url }));

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'copy-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  PYTHONPATH: join('clients', 'python', 'src'),
  PYTHONPYCACHEPREFIX: folder,
  IDENTITY_URL: service.client.url,
});

const copyPath = (): string => join(folder, 'copy.db');

function follow(): ChildProcess {
  return spawn('python3', [EXAMPLE, 'follow', copyPath()], { env: environment(), stdio: 'inherit' });
}

function inCopy(): string[] {
  const program = `import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute('select contact_id, primary_id from member order by 1'): print(*row)`;
  const text = execFileSync('python3', ['-c', program, copyPath()], { encoding: 'utf8' });
  return text.trim().split('\n');
}

async function stored(): Promise<string[]> {
  const rows = await database.query<{ id: string; root: string }>(
    'select id, coalesce(linked_id, id) as root from contact where deleted_at is null order by id',
  );
  return rows.map(({ id, root }) => `${id} ${root}`);
}

test('the copy of the example has every contact where it is, however often it is killed', async () => {
  const next = random(seedOf('copy'));
  const { client } = service;
  const live = async (): Promise<number[]> => (await stored()).map((row) => Number(row.split(' ')[0]));
  const change = async (): Promise<void> => {
    const pick = next();
    const ids = pick < 0.85 ? [] : await live();
    const id = ids[Math.floor(next() * ids.length)];
    if (id === undefined) {
      const email = `biff${Math.floor(next() * 40)}@hillvalley.edu`;
      await client.identify({ email, phoneNumber: String(8000 + Math.floor(next() * 40)) });
    } else if (pick < 0.9) {
      await client.delete(id);
    } else {
      const reason = 'They share a phone';
      await client.send('POST', '/splits', { contactId: id, contactIds: [id], reason });
    }
  };
  const changes = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await change();
    }
  };
  await changes(30);

  const underWay = changes(20);
  const [people, cursor] = [join(folder, 'people.ndjson'), join(folder, 'cursor.txt')];
  const exported = await command(['export', people, '--cursor-file', cursor], { DATABASE_URL: database.url });
  await underWay;
  expect(exported).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Cursor of /m) as string });
  execFileSync('python3', [EXAMPLE, 'begin', copyPath(), people, cursor], { env: environment() });

  for (let kill = 0; kill < KILLS; kill++) {
    const follower = follow();
    await changes(15);
    follower.kill('SIGKILL');
    await once(follower, 'exit');
  }
  const follower = follow();
  await changes(15);
  await until(async () => JSON.stringify(inCopy()) === JSON.stringify(await stored()));
  follower.kill('SIGKILL');
  await once(follower, 'exit');
  expect(inCopy()).toEqual(await stored());
  expect(inCopy().length).toBeGreaterThan(20);
});

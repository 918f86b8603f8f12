import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { mkdtemp, open, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHILD_ENV } from '../../support/child-env.js';
import { Command, command } from '../../support/command.js';
import { useDatabase } from '../../support/hooks.js';
import { importFile, importText, tally } from './import-text.js';

let folder: string;
const database = useDatabase();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-input-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function pipe(name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

/** Opens a pipe for writing as soon as it is read. */
async function onceRead(path: string): Promise<FileHandle> {
  for (;;) {
    try {
      return await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      await sleep(20);
    }
  }
}

async function isStored(email: string): Promise<boolean> {
  return (await database.query(`select from contact where email = '${email}'`)).length > 0;
}

test('a pipe given as a path is read once, from its first byte, and its rejected rows go to the working folder', async () => {
  const path = pipe('people');
  const rows = Array.from({ length: 6000 }, (_, i) => `pipe${i}@hillvalley.edu`);
  const [result] = await Promise.all([
    importFile({ DATABASE_URL: database.url }, path, { isDryRun: true }),
    writeFile(path, `email\n${rows.join('\n')}\n`),
  ]);
  expect(result.tally).toEqual(tally({ created: 6000 }));
  expect(result.rejectedPath).toBe('people.dry-run.rejected.csv');
});

test('process substitution of a shell and /dev/stdin are read once, from their first byte', async () => {
  const path = join(folder, 'substituted.csv');
  const rows = Array.from({ length: 6000 }, (_, i) => `shell${i}@hillvalley.edu,${'x'.repeat(20)}`);
  await writeFile(path, `email,note\n${rows.join('\n')}\nnobody,\n`);
  const program = `"${process.execPath}" "${resolve('dist/src/cli/main.js')}" import`;
  const flags = '--format csv --dry-run --quiet --json';
  const env = { ...CHILD_ENV, DATABASE_URL: database.url };
  for (const source of [`<(cat "${path}")`, `/dev/stdin < "${path}"`, `/dev/fd/3 3< "${path}"`]) {
    const { status, stdout } = spawnSync('bash', ['-c', `${program} ${source} ${flags}`], {
      cwd: folder,
      env,
    });
    const result = JSON.parse(String(stdout)) as Record<string, unknown>;
    expect({ source, status, ...result }).toMatchObject({ status: 1, created: 6000, rejected: 1 });
    expect(result.rejectedFile).toMatch(/^(?:\d+|stdin)\./);
  }
  // the standard input of a child process is a socket
  const args = ['import', '/dev/stdin', '--format', 'csv', '--dry-run', '--json'];
  const { stdout } = await command(args, { DATABASE_URL: database.url }, `email,note\n${rows.join('\n')}\n`);
  expect(JSON.parse(stdout)).toMatchObject({ created: 6000 });
});

test.each([
  ['before it is opened', 'early', () => AbortSignal.abort()],
  ['while nobody has it open for writing', 'lonely', () => AbortSignal.timeout(200)],
])('an import of a pipe that is stopped %s ends', async (_, name, signal) => {
  const path = pipe(name);
  const stop = signal();
  const importing = importFile({ DATABASE_URL: database.url }, path, { stop });
  await expect(importing).rejects.toThrow('The import was stopped.');
});

test('SIGTERM ends the wait for a pipe to which nothing is written', async () => {
  const path = pipe('silent');
  const running = new Command(['import', path, '--format', 'csv'], { DATABASE_URL: database.url });
  const writer = await onceRead(path);
  running.kill('SIGTERM');
  const { code, stderr } = await running.end();
  await writer.close();
  expect([code, stderr]).toEqual([2, expect.stringContaining('The import was stopped.\n')]);
});

test('a signal ends an import whose input stops coming; what came before is imported, and half a row is not', async () => {
  const args = ['import', '-', '--format', 'csv', '--json', '--batch-size', '1'];
  const running = new Command(args, { DATABASE_URL: database.url });
  running.write('email\nclara@hillvalley.edu\nseamus@hillvalley.edu\nmaggie@hill.example');
  while (running.isRunning && !(await isStored('clara@hillvalley.edu'))) {
    await sleep(20);
  }
  running.kill('SIGTERM');
  const { code, stdout } = await running.end();
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ isComplete: false, rejected: 0 });
  expect(await isStored('maggie@hill.example')).toBe(false);
});

test('a wrong header ends the import although its input stays open', async () => {
  const running = new Command(['import', '-', '--format', 'csv'], { DATABASE_URL: database.url });
  running.write(`name\n${'biff\n'.repeat(100)}`);
  const { code, stderr } = await running.end();
  expect([code, stderr]).toEqual([2, expect.stringContaining('The headers are: "name".')]);
});

test('a database that is down when the import starts is waited for', async () => {
  const url = new URL(database.url);
  const target = { host: url.hostname, port: Number(url.port) };
  const port = await freePort();
  url.host = `127.0.0.1:${port}`;
  const said: string[] = [];
  const progress = new Writable({
    write: (chunk: Buffer, _, done) => {
      said.push(chunk.toString());
      done();
    },
  });
  const path = join(folder, 'early.csv');
  await writeFile(path, 'email\nearly@hillvalley.edu\n');
  const importing = importFile({ DATABASE_URL: url.href }, path, { retryForMs: 60_000, progress });
  while (said.length === 0) {
    await sleep(10);
  }
  const proxy = createServer((socket) => {
    const server = connect(target);
    socket.on('error', () => server.destroy()).pipe(server);
    server.on('error', () => socket.destroy()).pipe(socket);
  }).listen(port, '127.0.0.1');
  expect((await importing).tally).toEqual(tally({ created: 1 }));
  expect(said[0]).toBe('Waiting: the database is not reachable\n');
  proxy.close();
});

test('a database that does not exist is not waited for', async () => {
  const url = new URL(database.url);
  url.pathname = '/nowhere';
  const path = join(folder, 'nowhere.csv');
  await writeFile(path, 'email\nearly@hillvalley.edu\n');
  const said: string[] = [];
  const progress = new Writable({ write: (chunk: Buffer) => void said.push(chunk.toString()) });
  const importing = importFile({ DATABASE_URL: url.href }, path, { retryForMs: 60_000, progress });
  await expect(importing).rejects.toThrow('nowhere');
  expect(said).toEqual([]);
});

test('a row of 200 kB of combining marks is rejected without being normalised', async () => {
  const marks = `a${'\u0300'.repeat(50_000)}${'\u0316'.repeat(50_000)}`;
  const rows = [`${marks}@b.example,,`, `,${marks},`, `x@b.example,,${marks}`];
  const normalize = import.meta.jest.spyOn(String.prototype, 'normalize');
  const result = await importText(database, `email,phone,date\n${rows.join('\n')}\n`, {
    onBadField: 'reject',
  });
  const lengths = normalize.mock.contexts.map((text) => String(text).length);
  normalize.mockRestore();
  expect(result.tally).toEqual(tally({ rejected: 3 }));
  expect(Math.max(0, ...lengths)).toBeLessThan(5000);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

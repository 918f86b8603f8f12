import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startApp, type RunningApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';

/** A curl command of the README, and the block behind it that shows its answer. */
const EXAMPLE = /```sh\n(curl [^]*?)\n```\s+```(json|text)\n([^]*?)\n```/g;

let database: TestDatabase;
let app: RunningApp;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp({ DATABASE_URL: database.url });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

test('every curl command of the README gives the answer printed below it', async () => {
  const examples = [...readFileSync('README.md', 'utf8').matchAll(EXAMPLE)];
  expect(examples.length).toBeGreaterThan(5);
  for (const [, command, kind, printed] of examples) {
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      command!.replaceAll('http://localhost:3000', app.client.url),
    ]);
    const read = (answer: string): unknown => (kind === 'json' ? JSON.parse(answer) : answer.trim());
    expect({ command, answer: read(stdout) }).toEqual({ command, answer: read(printed!) });
  }
});

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startApp } from '../support/app.js';
import { CHILD_ENV } from '../support/child-env.js';
import { createDatabase } from '../support/database.js';

/** A curl command of a document, or one of the service's own, and the block behind it that shows its answer. */
const EXAMPLE =
  /```sh\n((?:curl |(?:[A-Z_]+=\w+ )?npm run --silent cli -- )[^]*?)\n```\s+```(json|text)\n([^]*?)\n```/g;
/** Of a row; a document prints that of one day. */
const TIME = /"\d{4}-\d\d-\d\dT[\d:.]+Z"/g;

test.each([
  ['README.md', 2],
  ['docs/walkthrough.md', 12],
  ['docs/finding-identities.md', 7],
  ['docs/repairing.md', 19],
  ['docs/erasing-a-person.md', 8],
  ['docs/reviews.md', 13],
  ['docs/blocked-values.md', 14],
  ['docs/identifiers-and-limits.md', 11],
  ['docs/changing-a-normal-form.md', 7],
])(
  'every command of %s gives, on an empty database, the answer printed below it, apart from times',
  async (file, count) => {
    const examples = [...readFileSync(file, 'utf8').matchAll(EXAMPLE)];
    expect(examples).toHaveLength(count);
    const database = await createDatabase();
    const env = { DATABASE_URL: database.url, ERASURE_KEY: 'the key of the examples in the documents' };
    const app = await startApp(env);
    try {
      for (const [, command, kind, printed] of examples) {
        const run = command!
          .replaceAll('http://localhost:3000', app.client.url)
          .replaceAll('npm run --silent cli --', `${process.execPath} dist/src/cli/main.js`);
        const { stdout } = await promisify(execFile)('sh', ['-c', run], {
          env: { ...CHILD_ENV, ...env },
        });
        const read = (answer: string): unknown =>
          kind === 'json' ? JSON.parse(answer.replaceAll(TIME, '"a time"')) : answer.trim();
        expect({ command, answer: read(stdout) }).toEqual({ command, answer: read(printed!) });
      }
    } finally {
      await app.close();
      await database.drop();
    }
  },
);

import { readFileSync } from 'node:fs';
import { startApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';

interface OpenApi {
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, unknown> }>>;
}

test('the table of the README lists every call of the OpenAPI document with its answers', async () => {
  const database = await createDatabase();
  const app = await startApp({ DATABASE_URL: database.url });
  try {
    const { body } = await app.client.send<OpenApi>('GET', '/openapi.json');
    const documented = Object.entries(body.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(
        ([method, { responses }]) => `${method.toUpperCase()} ${path}: ${Object.keys(responses).join(', ')}`,
      ),
    );
    expect(documented.length).toBeGreaterThan(5);
    expect(tableOf('README.md')).toEqual(documented.toSorted());
  } finally {
    await app.close();
    await database.drop();
  }
});

/** The rows as `GET /path: 200, 404`; a row may name further paths of the same method. `/docs` is not in the document. */
function tableOf(file: string): string[] {
  const rows = [
    ...readFileSync(file, 'utf8').matchAll(
      /^\| (`(GET|POST|PUT|PATCH|DELETE) \/[^|]*)\|.*\| ([\d, ]+) \|$/gm,
    ),
  ];
  return rows
    .flatMap(([, calls, method, answers]) =>
      [...calls!.matchAll(/(\/[^`]*)`/g)].map(([, path]) => `${method} ${path}: ${answers!.trim()}`),
    )
    .filter((row) => !/ \/(docs|openapi\.json):/.test(row))
    .toSorted();
}

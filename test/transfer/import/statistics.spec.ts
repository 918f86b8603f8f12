import { MikroORM } from '@mikro-orm/core';
import { ormOptions } from '../../../mikro-orm.config.js';
import { Settings } from '../../../src/config/settings.js';
import { openSession } from '../../../src/database/session/open-session.js';
import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { DryRun, readOnly } from '../../../src/transfer/import/dry-run.js';
import { Statistics } from '../../../src/transfer/import/statistics.js';
import { useDatabase } from '../../support/hooks.js';
import { importText, tally } from './import-text.js';

const database = useDatabase();

const KNOWN = `select relname, reltuples::int as rows from pg_class
  where oid in ('contact'::regclass, 'identifier'::regclass) order by relname`;
const people = (from: number, to: number): string =>
  `insert into contact (tenant_id, id, email, link_precedence, created_at, updated_at)
    select 1, i, i, 'primary', now(), now() from generate_series(${from}, ${to}) i`;

test('an import tells the planner how the tables grow', async () => {
  const rows = Array.from({ length: 80 }, (_, i) => `biff${i}@hillvalley.edu\n`).join('');
  const { tally: counts } = await importText(database, `email\n${rows}`, { batchSize: 10 });
  expect(counts).toEqual(tally({ created: 80 }));
  // after the first, the second, the fourth and the last of eight batches
  expect(await database.query(KNOWN)).toEqual([
    { relname: 'contact', rows: 80 },
    { relname: 'identifier', rows: 80 },
  ]);
});

test('a dry run tells it of its temporary tables, and not of the others', async () => {
  await database.clear();
  await database.query('analyze contact, identifier');
  const orm = await MikroORM.init({
    ...ormOptions(new Settings({ DATABASE_URL: readOnly(database.url)! }), 'migrate'),
    pool: { min: 0, max: 1 },
    logger: () => undefined,
  });
  try {
    const session = openSession(orm.em);
    await DryRun.start(session, STANDARD_KINDS);
    const statistics = await Statistics.of(session);
    const query = (text: string): Promise<unknown> => session.query([{ name: '', text }], null);
    for (const [from, to, known] of [
      [1, 100, 100],
      [101, 200, 200],
      [201, 300, 200],
      [301, 400, 400],
    ] as const) {
      await query(people(from, to));
      await statistics!.afterBatch();
      expect(await query(KNOWN)).toContainEqual({ relname: 'contact', rows: known });
    }
    await query(people(401, 12_000));
    await query('analyze contact');
    expect(await Statistics.of(session)).toBeNull();
  } finally {
    await orm.close();
  }
  expect(await database.query(KNOWN)).toEqual([
    { relname: 'contact', rows: 0 },
    { relname: 'identifier', rows: 0 },
  ]);
});

import pg from 'pg';
import { arrayLiteral } from '../../../src/database/session/array-literal.js';

describe('an array that is sent to PostgreSQL', () => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
    await client.connect();
  });
  afterAll(() => client.end());

  it.each<[type: string, items: unknown[]]>([
    ['text', []],
    ['text', ['doc@hillvalley.edu', 'george@hillvalley.edu']],
    ['text', [null, 'null', 'NULL', '', ' ', null]],
    ['text', ['"', '\\', '\\"', '$&', 'a,b', '{a}', "it's", 'mü\n👍', '\\N']],
    ['text', ['plain', 'with "quotes"', null]],
    ['bigint', [1, -1, 9_007_199_254_740_991, null, 0]],
    ['boolean', [true, null, false]],
  ])('of type %s arrives as it was: %j', async (type, items) => {
    const { rows } = await client.query<{ found: unknown[] }>(`select $1::${type}[] as found`, [
      arrayLiteral(items),
    ]);

    expect(rows[0]!.found.map((item) => (type === 'bigint' && item !== null ? Number(item) : item))).toEqual(
      items,
    );
  });

  it.each([[[[1], [2]]], [[new Date(0)]], [[{ a: 1 }]], [[undefined]]])(
    'is left to the driver if it holds something else: %j',
    (items) => {
      expect(arrayLiteral(items)).toBeNull();
    },
  );
});

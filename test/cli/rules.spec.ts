import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Command, command, type Finished } from '../support/command.js';
import type { TestDatabase } from '../support/database.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { until } from '../support/until.js';

const LORRAINE = 'email:lorraine@hillvalley.edu';
const REASON = ['--reason', 'Two customers'];
const HEADER = 'kind,value,otherKind,otherValue,reason,createdAt,actor\n';
interface ShownRule {
  readonly id: number;
  readonly identifiers: readonly { readonly kind: string; readonly value: string }[];
  readonly createdAt: string;
  readonly actor: string;
  readonly reason: string;
}

const database = useDatabase();
const other = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-rules-'));
});

beforeEach(() => Promise.all([database.clear(), other.clear()]));

afterEach(async () => {
  expect([await violations(database), await violations(other)]).toEqual([{}, {}]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Finished> =>
  command(['rules', ...args], { DATABASE_URL: database.url });

const listed = async (...args: string[]): Promise<ShownRule[]> =>
  JSON.parse((await run('list', '--json', ...args)).stdout) as ShownRule[];

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test('a rule from its making to its end', async () => {
  const add = [LORRAINE, 'phoneNumber:12 34 56', ...REASON];
  expect(await run('add', ...add, '--dry-run')).toMatchObject({
    code: 0,
    stdout: 'The rule would be made\n',
  });
  expect(await listed()).toEqual([]);
  expect(await run('add', ...add)).toEqual({ code: 0, stdout: 'Made rule 1\n', stderr: '' });
  expect(await run('add', ...add)).toEqual({ code: 0, stdout: 'Rule 1 is there already\n', stderr: '' });
  expect(await listed()).toEqual([
    {
      id: 1,
      identifiers: [
        { kind: 'email', value: 'lorraine@hillvalley.edu' },
        { kind: 'phoneNumber', value: '123456' },
      ],
      createdAt: expect.any(String),
      actor: 'cli',
      reason: 'Two customers',
    },
  ]);
  const { stdout } = await run('list');
  expect(stdout).toMatch(
    /^ID +IDENTIFIER +OTHER +MADE +BY +REASON\n1 +email:lorraine@hillvalley.edu +phoneNumber:123456 +\d/,
  );

  const { primaryContactId } = await app.client.identify({
    email: 'lorraine@hillvalley.edu',
    phoneNumber: '123456',
  });
  expect(await app.client.find(primaryContactId)).toMatchObject({ phoneNumbers: [] });
  expect(await listed('--contact', String(primaryContactId))).toHaveLength(1);
  expect(await run('remove', '1', '--reason', 'A mistake')).toMatchObject({
    code: 0,
    stdout: 'Deleted rule 1\n',
  });
  expect(await run('remove', '1')).toEqual({ code: 2, stdout: '', stderr: 'There is no rule 1.\n' });
  expect(await database.query('select kind, actor, reason from change order by id')).toEqual([
    { kind: 'rule', actor: 'cli', reason: 'Two customers' },
    { kind: 'rule-delete', actor: 'cli', reason: 'A mistake' },
  ]);
});

test.each([
  [['add', 'lorraine', LORRAINE, ...REASON], 'It must be a kind and a value'],
  [['add', LORRAINE, 'phoneNumber:x', ...REASON], 'phoneNumber must have 1 to 15 digits'],
  [['add', LORRAINE, 'name:x', ...REASON], 'kind must be email or phoneNumber.'],
  [['add', LORRAINE, LORRAINE, ...REASON], 'identifiers must be two different ones.'],
  [['add', LORRAINE, 'phoneNumber:1', '--reason', ' '], 'reason must not be empty.'],
  [['add', LORRAINE, 'phoneNumber:1'], "required option '--reason <text>' not specified"],
  [['list', '--contact', '4711'], 'There is no contact 4711.'],
  [['list', '--tenant', 'nobody'], 'There is no tenant "nobody"'],
  [['remove', 'x'], 'It must be a whole number from 1 on.'],
  [['import', 'rules.xlsx'], 'The name does not tell the format'],
  [['import', '/nowhere.csv'], 'there is no such file'],
])('%j is refused', async (args, reason) => {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(reason);
});

test('what is one identity already is told', async () => {
  await app.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '1' });
  expect(await run('add', LORRAINE, 'phoneNumber:1', ...REASON)).toMatchObject({
    code: 2,
    stderr: 'Both identifiers are in one identity, so a rule can’t keep them apart; nothing was changed.\n',
  });
});

const email = (value: string) => ({ kind: 'email', value });

/** What the rules of a database are about, and why. */
async function rulesIn(stored: TestDatabase): Promise<unknown> {
  const rules = await stored.query(
    `select d.kind, d.value, d.other_kind, d.other_value, c.reason from do_not_link d
      join change c on c.tenant_id = d.tenant_id and c.id = d.change_id where d.is_reverse is null order by d.value`,
  );
  expect(rules.length).toBeGreaterThan(0);
  return rules;
}

/** A body of `POST /rules`. */
function bodyOf(value: string, reason?: string): string {
  const identifiers = [
    { kind: 'email', value: 'doc@hillvalley.edu' },
    { kind: 'phoneNumber', value },
  ];
  return JSON.stringify({ identifiers, reason });
}

describe('an import', () => {
  test('makes the rules of a file, names the rows that it refuses, and may be repeated', async () => {
    await app.client.identify({ email: 'doc@hillvalley.edu', phoneNumber: '88' });
    const path = await file(
      'rules.csv',
      [
        'Note;kind;value;otherKind;otherValue;reason',
        "a;email;'=a@hillvalley.edu;phoneNumber;1;Neighbours",
        'b;email;B@hillvalley.edu;email;c@hillvalley.edu;',
        'c;email;x;phoneNumber;y;',
        '=d;phoneNumber;1;phoneNumber;1;',
        'e;phoneNumber;88;email;doc@hillvalley.edu;',
        'f;email;c@hillvalley.edu;email;b@hillvalley.edu;Once more',
        'g;email',
        'h;email;"never closed',
        '',
      ].join('\n'),
    );
    const args = ['import', path, '--json', '--quiet', '--reason', 'From the old system'];
    const summary = (counts: object) => ({
      rows: 8,
      made: 0,
      existing: 0,
      linked: 1,
      rejected: 4,
      rejectedFile: `${path}.rejected.csv`,
      isDryRun: false,
      isComplete: true,
      seconds: expect.any(Number),
      ...counts,
    });
    const dry = await run(...args, '--dry-run');
    expect(dry.code).toBe(1);
    // Rules of one file may be the same, which only making them shows.
    expect(JSON.parse(dry.stdout)).toEqual(
      summary({ made: 3, isDryRun: true, rejectedFile: `${path}.dry-run.rejected.csv` }),
    );
    expect(await listed()).toEqual([]);
    const first = await run(...args);
    expect(first).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(first.stdout)).toEqual(summary({ made: 2, existing: 1 }));
    const rules = await listed();
    expect(
      rules.map(({ identifiers, reason, actor }) => [
        identifiers.map(({ value }) => value).toSorted(),
        reason,
        actor,
      ]),
    ).toEqual(
      expect.arrayContaining([
        [['1', '=a@hillvalley.edu'], 'Neighbours', 'cli'],
        [
          ['b@hillvalley.edu', 'c@hillvalley.edu'],
          expect.stringMatching(/^(From the old system|Once more)$/),
          'cli',
        ],
      ]),
    );
    expect(await readFile(`${path}.rejected.csv`, 'utf8')).toBe(
      [
        'line,reason,Note,kind,value,otherKind,otherValue,reason',
        '4,"email must be a valid email address; phoneNumber must have 1 to 15 digits, and may start with + and a country code",c,email,x,phoneNumber,y,',
        "5,identifiers must be two different ones,'=d,phoneNumber,1,phoneNumber,1,",
        '6,both identifiers are in one identity,e,phoneNumber,88,email,doc@hillvalley.edu,',
        '8,value must not be empty; kind must be email or phoneNumber,g,email',
        '9,a quote is never closed,"h;email;""never closed"',
        '',
      ].join('\n'),
    );
    expect((await stat(`${path}.rejected.csv`)).mode & 0o777).toBe(0o600);
    const again = await run(...args);
    expect(JSON.parse(again.stdout)).toEqual(
      summary({ existing: 3, rejectedFile: `${path}.rejected.2.csv` }),
    );
    expect(await listed()).toEqual(rules);
  });

  test('takes bodies of POST /rules, shows progress, and tells people what it did', async () => {
    const input = `${bodyOf('1', 'Neighbours')}\n${bodyOf('2')}\n[]\n{"identifiers":7}\n`;
    const { code, stdout, stderr } = await command(
      ['rules', 'import', '-', '--format', 'ndjson', '--rejected', join(folder, 'stdin.csv')],
      { DATABASE_URL: database.url },
      input,
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(
      /^Imported: 4 rows in \d+s\n {2}2 rules made\n {2}0 were there already\n {2}0 can't be kept apart: they are one identity\n {2}2 rejected, see .*stdin\.csv\n$/,
    );
    expect((await listed()).map(({ reason }) => reason).toSorted()).toEqual(['Imported', 'Neighbours']);
    expect(await readFile(join(folder, 'stdin.csv'), 'utf8')).toBe(
      'line,reason,row\n3,the line is no JSON object,[]\n4,identifiers must be an array of two,"{""identifiers"":7}"\n',
    );
  });

  test.each([
    ['kind,value,otherKind\nemail,a@b.de,email\n', 'The first line must name the columns'],
    ['kind,value,value,otherKind,otherValue\n', 'The first line must name the columns'],
    ['', 'The input is empty.'],
  ])('of %j is refused', async (content, reason) => {
    const { code, stderr } = await run('import', await file('odd.csv', content));
    expect(code).toBe(2);
    expect(stderr).toContain(reason);
  });

  test('that is stopped says how far it came, and goes on when it is repeated', async () => {
    const lines = Array.from({ length: 6 }, (_, n) => `email,${n}@hillvalley.edu,phoneNumber,${n}\n`).join(
      '',
    );
    const header = 'kind,value,otherKind,otherValue\n';
    const args = ['rules', 'import', '-', '--format', 'csv', '--rejected', join(folder, 'stopped.csv')];
    const stopped = new Command(args, { DATABASE_URL: database.url });
    stopped.write(header + lines);
    await until(async () => (await database.query('select from do_not_link where is_reverse')).length === 4);
    stopped.kill('SIGTERM');
    expect(await stopped.end()).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^Stopped: 4 rows/),
      stderr: expect.stringContaining('Run the same command again'),
    });
    const again = await command(args, { DATABASE_URL: database.url }, header + lines);
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Imported: 6 rows.*\n {2}2 rules made\n {2}4 were there already\n/),
    });
  });

  test('would not replace its input', async () => {
    const path = await file('same.csv', HEADER);
    expect((await run('import', path, '--rejected', path)).stderr).toContain('would replace the input');
    expect(await readFile(path, 'utf8')).toBe(HEADER);
  });
});

describe('an export', () => {
  const ODD = [
    [email('=cmd@hillvalley.edu'), { kind: 'phoneNumber', value: '+15550109999' }, '=1+1, "quoted"'],
    [email("'o@hillvalley.edu"), email('doc@hillvalley.edu'), "'=x"],
  ] as const;

  test.each(['rules.csv', 'rules.ndjson.gz', 'safe.csv'])(
    'has the form that an import takes, and only its owner may read it: %s',
    async (name) => {
      for (const [one, second, reason] of ODD) {
        await app.client.send('POST', '/rules', { identifiers: [one, second], reason });
      }
      const path = join(folder, `exported-${name}`);
      const flags = name.startsWith('safe') ? ['--excel-safe'] : [];
      expect(await run('export', path, ...flags)).toMatchObject({ code: 0, stderr: 'Exported 2 rules\n' });
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      const content = await readFile(path);
      const text = (name.endsWith('.gz') ? gunzipSync(content) : content).toString();
      expect(text.includes("'=cmd@")).toBe(name === 'safe.csv');
      const imported = await command(['rules', 'import', path, '--quiet'], { DATABASE_URL: other.url });
      expect(imported).toMatchObject({ code: 0 });
      expect(await rulesIn(other)).toEqual(await rulesIn(database));
    },
  );

  test('goes to the standard output, as lines of NDJSON, of any number of rules', async () => {
    const rows = Array.from({ length: 2100 }, (_, i) => `email,${i}@hillvalley.edu,phoneNumber,${i}\n`);
    const path = await file('many.csv', `kind,value,otherKind,otherValue\n${rows.join('')}`);
    expect(await run('import', path, '--quiet')).toMatchObject({ code: 0 });
    const { stdout } = await run('export', '--quiet');
    const values = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as ShownRule).identifiers[1]!.value);
    expect(values.toSorted()).toEqual(Array.from({ length: 2100 }, (_, i) => String(i)).toSorted());
    expect(await listed()).toHaveLength(2100);
  });
});

test('a rule made before any data holds in an import of customers, and its dry run shows that', async () => {
  await run('add', LORRAINE, 'phoneNumber:123456', ...REASON);
  const path = await file(
    'customers.csv',
    [
      'email,phone,created_at',
      'lorraine@hillvalley.edu,7,2020-01-01',
      'george@hillvalley.edu,123456,2020-01-02',
      'george@hillvalley.edu,7,2020-01-03',
      'lorraine@hillvalley.edu,123456,2019-01-04',
      ...Array.from({ length: 30 }, (_, i) => `lorraine@hillvalley.edu,9${i},2021-01-01`),
      '',
    ].join('\n'),
  );
  const importing = (...flags: string[]) =>
    command(['import', path, '--json', '--quiet', ...flags], { DATABASE_URL: database.url });
  const counts = {
    created: 2,
    // Of the fourth row the email is left, which was there before the first.
    linked: 31,
    merged: 0,
    unchanged: 1,
    rejected: 0,
    withheld: 2,
    ignored: { 'do-not-link': 2, limit: 0 },
  };
  expect(JSON.parse((await importing('--dry-run')).stdout)).toMatchObject(counts);
  expect(JSON.parse((await importing('--batch-size', '3')).stdout)).toMatchObject(counts);
  expect(JSON.parse((await importing('--restart')).stdout)).toMatchObject({
    unchanged: 34,
    withheld: 2,
  });
  const { stdout } = await command(['import', path, '--quiet', '--restart'], {
    DATABASE_URL: database.url,
  });
  expect(stdout).toContain('  2 taken without an identifier: 2 kept apart by a rule\n');
  expect(await database.query('select from contact where linked_id is null')).toHaveLength(2);
});

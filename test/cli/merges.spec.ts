import { command, type Finished } from '../support/command.js';
import { useApp, useDatabase } from '../support/hooks.js';
import { storedRows, violations } from '../support/invariants.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

const run = (...args: string[]): Promise<Finished> =>
  command(['merges', ...args], { DATABASE_URL: database.url });

beforeEach(async () => {
  await database.clear();
  await app.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '123456' });
  await app.client.identify({ email: 'george@hillvalley.edu', phoneNumber: '919191' });
  await app.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '919191' });
});

afterEach(async () => {
  expect(await violations(database)).toEqual({});
});

const LEFT = `ID  CONTACTS  EMAILS                   PHONE NUMBERS
1   1         lorraine@hillvalley.edu  123456
2   1         george@hillvalley.edu    919191
`;
const APART = 'email lorraine@hillvalley.edu and phoneNumber 919191 apart.\n';

test('undo tells what would be, then undoes the merge, then finds it undone', async () => {
  const before = await storedRows(database);
  const undo = ['undo', '1', '--reason', 'A slip of the pen'];
  expect(await run(...undo, '--dry-run')).toEqual({
    code: 0,
    stdout: `Merge 1 would be undone. These identities would be left:\n${LEFT}A rule would keep ${APART}`,
    stderr: '',
  });
  expect(await storedRows(database)).toEqual(before);
  expect(await run(...undo)).toEqual({
    code: 0,
    stdout: `Undid merge 1 by change 1. These identities are left:\n${LEFT}Rule 1 keeps ${APART}`,
    stderr: '',
  });
  expect(await run(...undo, '--json')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"changeId":null,"changed":false'),
  });
  expect(await run(...undo)).toMatchObject({ stdout: `Merge 1 was undone before.\n${LEFT}` });
  expect(await database.query('select actor, reason from change')).toEqual([
    { actor: 'cli', reason: 'A slip of the pen' },
  ]);
});

test.each([
  [['undo', '4711', '--reason', 'x'], 'There is no merge 4711.\n'],
  [['undo', '1', '--reason', ' '], 'reason must not be empty.\n'],
  [['undo', '1'], "error: required option '--reason <text>' not specified\nUse --help to see the options.\n"],
  [
    ['undo', 'x', '--reason', 'x'],
    expect.stringContaining("error: command-argument value 'x' is invalid for argument 'mergeId'."),
  ],
])('what can not be undone is told in one line: %j', async (args, stderr) => {
  expect(await run(...args)).toEqual({ code: 2, stdout: '', stderr });
});

import { useApp, useDatabase } from '../../support/hooks.js';
import type { ShownIdentity } from '../../support/wire.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '1' };
const BIFF = { email: 'biff@hillvalley.edu', phoneNumber: '7' };
const BOTH = { email: 'lorraine@hillvalley.edu', phoneNumber: '7' };

/** The moment of the last write, to the microsecond. */
async function lastWrite(): Promise<string> {
  const [row] = await database.query<{ at: string }>(
    `select to_char(max(updated_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from contact`,
  );
  return row!.at;
}

async function at(id: number, moment: string): Promise<ShownIdentity | number> {
  const reply = await app.client.send<{ contact: ShownIdentity }>(
    'GET',
    `/contacts/${id}?at=${encodeURIComponent(moment)}`,
  );
  return reply.status === 200 ? reply.body.contact : reply.status;
}

/** The moment a microsecond before. */
function before(moment: string): string {
  const micros = BigInt(Date.parse(moment)) * 1000n + BigInt(moment.slice(23, 26)) - 1n;
  const iso = new Date(Number(micros / 1000n)).toISOString();
  return iso.replace('Z', `${String(micros % 1000n).padStart(3, '0')}Z`);
}

test('each answer is given again for the moment of its write, and not for a microsecond before', async () => {
  const answers: { moment: string; contact: ShownIdentity | null }[] = [];
  for (const body of [LORRAINE, BIFF, BOTH]) {
    await app.client.identify(body);
    answers.push({ moment: await lastWrite(), contact: await app.client.find(1) });
  }
  expect(await app.client.delete(1)).toBe(204);
  const deletion = await lastWrite();

  expect(answers.map(({ contact }) => contact?.secondaryContactIds)).toEqual([[], [], [2]]);
  for (const { moment, contact } of answers) {
    expect([moment, await at(1, moment)]).toEqual([moment, contact]);
  }
  const [first, second, merge] = answers.map(({ moment }) => moment) as [string, string, string];
  expect(await at(1, before(first))).toBe(404);
  expect(await at(2, before(second))).toBe(404);
  expect(await at(2, before(merge))).toMatchObject({ primaryContactId: 2, emails: [BIFF.email] });
  expect(await at(2, merge)).toEqual(answers[2]!.contact);
  expect(await at(1, before(deletion))).toEqual(answers[2]!.contact);
  expect(await at(1, deletion)).toBe(404);
  expect(await at(2, deletion)).toEqual(await app.client.find(2));
  expect(await at(2, '2200-01-01T00:00:00Z')).toEqual(await app.client.find(2));
  expect(await at(3, '2200-01-01T00:00:00Z')).toBe(404);
});

test('an imported contact counts from when it was recorded, with its own date', async () => {
  await app.client.identify(LORRAINE);
  const recorded = await lastWrite();
  await database.query(`update contact set recorded_at = created_at, created_at = '2015-10-21T16:29:00Z'`);
  expect(await at(1, '2020-01-01T00:00:00Z')).toBe(404);
  expect(await at(1, recorded)).toMatchObject({ primaryContactId: 1 });
});

test.each([
  ['UTC', '2026-11-25T18:30:00Z'],
  ['microseconds', '2026-11-25T18:30:00.000001Z'],
  ['another zone', '2026-11-25T18:30:00+02:00'],
  ['another zone, the plus as a space', '2026-11-25T18:30:00 0200'],
])('a moment may be given in %s', async (_, moment) => {
  expect(await at(1, moment)).toBe(404);
});

test.each([
  '',
  'yesterday',
  '2026-11-25',
  '2026-02-30T00:00:00Z',
  '2026-11-25T18:30:00',
  '2026-11-25T18:30:00+24:00',
  '2026-11-25T18:30:00-02:60',
  '1764094200',
])('a moment that is no time is refused: %s', async (moment) => {
  expect(await app.client.send('GET', `/contacts/1?at=${encodeURIComponent(moment)}`)).toMatchObject({
    status: 400,
    body: { type: 'urn:problem:invalid-request', errors: [{ field: 'at' }] },
  });
});

test('a moment that is given twice is refused', async () => {
  expect(await app.client.send('GET', '/contacts/1?at=1&at=2')).toMatchObject({ status: 400 });
});

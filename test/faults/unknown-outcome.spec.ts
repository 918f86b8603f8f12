import { use, useDatabase, useService } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { Caller, identityOf, improper, slowestMs, tally, type Outcome } from './harness/caller.js';
import { report, seconds } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';
import { TcpProxy } from './harness/tcp-proxy.js';

const ROUNDS = scaled(100, 10);

const database = useDatabase();
const proxy = use(
  () => TcpProxy.start(database.url),
  (opened) => opened.close(),
);
const service = useService(() => ({ DATABASE_URL: proxy.through(database.url), BATCH_LANES: '1' }));
let caller: Caller;

beforeAll(() => {
  caller = new Caller(service.client.url);
});

afterAll(() => caller.close());

async function rowsWith(phoneNumber: string): Promise<number> {
  return (await database.query('select from contact where phone_number = $1', [phoneNumber])).length;
}

test(
  'a connection cut at its commit, before or after the server carried it out, costs neither an error nor a second row',
  async () => {
    let answered = 0;
    let doubled = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const phoneNumber = `1${String(round).padStart(6, '0')}`;
      if (round % 2 === 0) {
        proxy.cutsAfterCommit = 1;
      } else {
        proxy.cutsBeforeCommit = 1;
      }
      const outcome = await caller.identify({ email: `needles${round}@hillvalley.edu`, phoneNumber });
      const again = await caller.identify({ email: null, phoneNumber });
      answered += Number(outcome.status === 200);
      doubled += (await rowsWith(phoneNumber)) - 1;
      expect(identityOf(again)).toEqual(identityOf(outcome));
    }
    report(
      'unknown outcome is safe: cut once, at COMMIT',
      'same identity, no second row',
      `${proxy.cuts} cuts, ${answered} of ${ROUNDS} answered 200 at the first call, ${doubled} second rows`,
    );
    expect(proxy.cuts).toBe(ROUNDS);
    expect(answered).toBe(ROUNDS);
    expect(doubled).toBe(0);
    expect(await violations(database)).toEqual({});
  },
  LONG_MS,
);

test(
  'where the database goes away with the answer to a commit the call is refused, and its repetition finds what it wrote',
  async () => {
    const both = { email: 'needles@hillvalley.edu', phoneNumber: '2000000' };
    const sightings = [{ ...both, phoneNumber: null }, { ...both, email: null }, both];
    const refused: Outcome[] = [];
    const repeated: Outcome[] = [];
    for (const sighting of sightings) {
      proxy.isDownAfterCut = true;
      proxy.cutsAfterCommit = 1;
      refused.push(await caller.identify(sighting));
      proxy.isDownAfterCut = false;
      proxy.isRefusing = false;
      repeated.push(await caller.identify(sighting));
    }
    const [counts] = await database.query<{ contacts: string; merges: string }>(
      `select (select count(*) from contact where email = $1 or phone_number = $2) as contacts,
         (select count(*) from identity_merge where email = $1) as merges`,
      [both.email, both.phoneNumber],
    );
    report(
      'unknown outcome is safe: database gone after COMMIT',
      'the repeated call gives the same identity, no second row',
      `refused ${tally(refused)} within ${seconds(slowestMs(refused))}, repeated ${tally(repeated)}; ${counts!.contacts} contacts, ${counts!.merges} merge`,
    );
    expect(refused.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(improper(refused)).toEqual([]);
    expect(repeated.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(counts).toEqual({ contacts: '2', merges: '1' });
    expect(identityOf(repeated.at(-1)!)).toEqual(
      identityOf(await caller.identify({ email: null, phoneNumber: both.phoneNumber })),
    );
    expect(await violations(database)).toEqual({});
  },
  LONG_MS,
);

test('a deletion whose outcome is unknown is not repeated by itself, and counts once', async () => {
  const phoneNumber = '3000000';
  const { primaryContactId } = identityOf(await caller.identify({ email: null, phoneNumber }));
  proxy.cutsAfterCommit = 1;
  const outcome = await caller.send('DELETE', `/contacts/${primaryContactId}`);
  expect(outcome).toMatchObject({ status: 503, retryAfter: '1' });
  expect(await caller.send('DELETE', `/contacts/${primaryContactId}`)).toMatchObject({ status: 404 });
  expect(await violations(database)).toEqual({});
});

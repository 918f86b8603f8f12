import { use, useDatabase, useService } from '../support/hooks.js';
import { until } from '../support/until.js';
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

/** Until the relay has nothing to commit: its commit would be cut in place of the one that is meant. */
function untilNumbered(): Promise<void> {
  return until(async () => (await database.query('select from event_outbox')).length === 0);
}

test(
  'a connection cut at its commit, before or after the server carried it out, costs neither an error nor a second row',
  async () => {
    let answered = 0;
    let doubled = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const phoneNumber = `1${String(round).padStart(6, '0')}`;
      await untilNumbered();
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
      await untilNumbered();
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
  await untilNumbered();
  proxy.cutsAfterCommit = 1;
  const outcome = await caller.send('DELETE', `/contacts/${primaryContactId}`);
  expect(outcome).toMatchObject({ status: 503, retryAfter: '1' });
  expect(await caller.send('DELETE', `/contacts/${primaryContactId}`)).toMatchObject({ status: 404 });
  expect(await violations(database)).toEqual({});
});

interface Changed {
  readonly changeId: number | null;
  readonly changed: boolean;
}

/** By kind: makes what it changes, each time about others, and returns the call that changes it, and what its second time says. */
const CHANGES: Readonly<
  Record<string, (n: string) => Promise<{ path: string; body: object; again: object }>>
> = {
  undo: async (n) => {
    await service.client.identify({ email: `marty${n}@hillvalley.edu` });
    await service.client.identify({ phoneNumber: n });
    const { primaryContactId } = await service.client.identify({
      email: `marty${n}@hillvalley.edu`,
      phoneNumber: n,
    });
    const { body } = await service.client.send<{ merges: { id: number }[] }>(
      'GET',
      `/merges?contactId=${primaryContactId}`,
    );
    const again = { status: 200, body: { changed: false } };
    return { path: `/merges/${body.merges[0]!.id}/undo`, body: { reason: 'Two customers' }, again };
  },
  split: async (n) => {
    const { primaryContactId: contactId } = await service.client.identify({
      email: `doc${n}@hillvalley.edu`,
      phoneNumber: n,
    });
    const identifiers = [{ kind: 'phoneNumber', value: n }];
    return {
      path: '/splits',
      body: { contactId, identifiers, reason: 'Two customers' },
      again: { status: 422, body: { type: 'urn:problem:nothing-to-split' } },
    };
  },
  rule: async (n) => {
    const identifiers = [
      { kind: 'email', value: `biff${n}@hillvalley.edu` },
      { kind: 'phoneNumber', value: n },
    ];
    const again = { status: 201, body: { changed: false } };
    return { path: '/rules', body: { identifiers, reason: 'Two customers' }, again };
  },
};

const changesMade = async (): Promise<number> =>
  (await database.query('select from change where is_changed')).length;

test.each(Object.keys(CHANGES))('a change whose commit has no answer is made once: %s', async (kind) => {
  const seen = { changes: 0, byKey: 0, refused: 0, madeThough: 0 };
  for (let round = 0; round < scaled(40, 8); round++) {
    const isKeyed = round % 4 < 2;
    const number = String(4_000_000 + 1_000 * Object.keys(CHANGES).indexOf(kind) + round);
    const { path, body, again } = await CHANGES[kind]!(number);
    const headers: Record<string, string> = isKeyed ? { 'idempotency-key': `${kind}-${round}` } : {};
    const before = await changesMade();
    await untilNumbered();
    const [cuts, cut] = [proxy.cuts, round % 2 === 0 ? 'cutsAfterCommit' : 'cutsBeforeCommit'] as const;
    proxy[cut] = 1;
    const first = await service.client.send<Changed>('POST', path, body, headers);
    expect(proxy.cuts).toBe(cuts + 1);
    const second = await service.client.send<Changed>('POST', path, body, headers);
    const wasMade = (await changesMade()) - before;
    expect(wasMade).toBe(1);
    seen.changes++;
    if (isKeyed) {
      // The service repeats it by itself.
      expect(first.body).toMatchObject({ changed: true, changeId: expect.any(Number) });
      expect(second).toMatchObject({ status: first.status, body: { changed: true } });
      expect(second.body.changeId).toBe(first.body.changeId);
      seen.byKey++;
    } else {
      expect({ status: first.status, retryAfter: first.headers.get('retry-after') }).toEqual({
        status: 503,
        retryAfter: '1',
      });
      seen.refused++;
      // It was made by the first call or by the second one.
      if (cut === 'cutsAfterCommit') {
        expect(second).toMatchObject(again);
        seen.madeThough++;
      } else {
        expect(second.body.changed).toBe(true);
      }
    }
  }
  report(
    `unknown outcome is safe: ${kind}, cut at COMMIT`,
    'made once; with an Idempotency-Key answered at the first call',
    `${seen.changes} cuts, ${seen.byKey} answered by their keys, ${seen.refused} refused, ${seen.madeThough} of these made`,
  );
  expect(await violations(database)).toEqual({});
});

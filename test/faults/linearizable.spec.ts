import * as fc from 'fast-check';
import type { ShownIdentity, IdentifyBody } from '../support/wire.js';
import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { random, seedOf } from '../support/random.js';
import { aShare, aSighting, pick } from '../support/sightings.js';
import { storm, untrueAnswers } from '../support/storm.js';
import { Caller, identityOf, type Outcome } from './harness/caller.js';
import { linearization, type Call, type Event, type StoredContact } from './harness/linearizable.js';
import { report } from './harness/report.js';
import { LONG_MS, scaled } from './harness/scale.js';

const HISTORIES = scaled(1_000, 120);
const HISTORIES_WITH_FAULTS = scaled(200, 20);
const LARGE = scaled(20, 2);
const REPLICAS = 3;

type Plan =
  | { readonly kind: 'identify'; readonly sighting: IdentifyBody }
  /** The contact at this share of those that any answer has named by then; none: no call. */
  | { readonly kind: 'find' | 'delete'; readonly share: number };

const identify = fc.record({ kind: fc.constant('identify' as const), sighting: fewPeople() });
const find = fc.record({ kind: fc.constant('find' as const), share: aShare });
const aDeletion = fc.record({ kind: fc.constant('delete' as const), share: aShare });
/** What three callers do, each one call after the other. */
const some = (call: fc.Arbitrary<Plan>): fc.Arbitrary<Plan[][]> =>
  fc.array(fc.array(call, { minLength: 1, maxLength: 4, size: 'max' }), {
    minLength: REPLICAS,
    maxLength: REPLICAS,
  });
const aHistory = some(
  fc.oneof(
    { weight: 6, arbitrary: identify },
    { weight: 1, arbitrary: find },
    { weight: 2, arbitrary: aDeletion },
  ),
);
// A deletion between an insert whose answer was lost and its repetition makes one call act twice, as it would for a
// caller who repeats it.
const aHistoryWithoutDeletions = some(
  fc.oneof({ weight: 4, arbitrary: identify }, { weight: 1, arbitrary: find }),
);

const database = useDatabase();
// small batches, so that calls meet in the database and not in a queue
const services = useReplicas(() =>
  Array.from({ length: REPLICAS }, () => ({
    DATABASE_URL: database.url,
    BATCH_MAX: '2',
    IDENTITY_CACHE_MIN_CONTACTS: '1',
  })),
);
let callers: Caller[];
let histories = 0;
let seed: number;

beforeAll(() => {
  callers = services.map(({ client }) => new Caller(client.url));
  seed = seedOf('linearizable');
});

afterAll(() => callers.forEach((caller) => caller.close()));

test(
  'every small concurrent history over three replicas is what some order of its calls would give',
  async () => {
    const figures = { histories: 0, calls: 0, overlapping: 0, unanswered: 0 };
    const merges = await mergesSoFar();
    let merged = 0;
    // 120 histories had 6 to 16 merges. With a seed that has too few of them, more histories are tried.
    for (let round = 0; round < 5 && merged <= HISTORIES / 40; round++) {
      await explain(aHistory, HISTORIES, figures, async () => undefined, seed + round);
      merged = (await mergesSoFar()) - merges;
    }
    report(
      'any order is some order',
      '≥ 1,000 small concurrent histories over 3 replicas linearizable',
      `${figures.histories} of ${figures.histories} (${figures.calls} calls, ${figures.overlapping} overlapping another, ${merged} merges)`,
    );
    expect(figures.overlapping).toBeGreaterThan(figures.calls / 4);
    expect(merged).toBeGreaterThan(HISTORIES / 40);
    expect(await violations(database)).toEqual({});
  },
  LONG_MS,
);

test(
  'so is every history during which all connections to the database are ended',
  async () => {
    const figures = { histories: 0, calls: 0, overlapping: 0, unanswered: 0 };
    const disturb = async (): Promise<void> => {
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'identity-reconciliation'`,
      );
    };
    await explain(aHistoryWithoutDeletions, HISTORIES_WITH_FAULTS, figures, disturb, seed);
    report(
      'any order is some order: connections ended meanwhile',
      'linearizable',
      `${figures.histories} of ${figures.histories} (${figures.calls} calls, ${figures.unanswered} unanswered)`,
    );
    expect(await violations(database)).toEqual({});
  },
  LONG_MS,
);

test(
  'large histories keep every invariant, and their answers are true',
  async () => {
    const next = random(seed);
    const size = 600;
    let untrue = 0;
    for (let round = 0; round < LARGE; round++) {
      const sightings = Array.from({ length: size }, (): IdentifyBody => {
        const shape = next();
        return {
          email: shape < 0.15 ? null : `round${round}.${Math.floor(next() * 120)}@hillvalley.edu`,
          phoneNumber: shape > 0.85 ? null : `9${round}00${Math.floor(next() * 120)}`,
        };
      });
      const acknowledged = await storm(
        services.map(({ client }) => client),
        sightings,
        48,
        [],
      );
      untrue += untrueAnswers(acknowledged).length;
    }
    const broken = await violations(database);
    report(
      'any order is some order: large histories',
      'all invariants hold',
      `${LARGE} × ${size} calls: ${Object.keys(broken).length} broken, ${untrue} untrue answers`,
    );
    expect(broken).toEqual({});
    expect(untrue).toBe(0);
  },
  LONG_MS,
);

test('a history that no order explains is found out', () => {
  const lorraine = { email: 'lorraine@hillvalley.edu', phoneNumber: null };
  const view = (primaryContactId: number): ShownIdentity => ({
    primaryContactId,
    emails: [lorraine.email],
    phoneNumbers: [],
    secondaryContactIds: [],
  });
  const stored = [1, 2].map((id) => ({ ...lorraine, id, createdAt: id }));
  const first = event({ kind: 'identify', sighting: lorraine }, view(1), 0, 3);
  const meanwhile = (id: number): Event => event({ kind: 'identify', sighting: lorraine }, view(id), 1, 2);
  const deleted = event({ kind: 'delete', id: 1 }, true, 4, 5);

  expect(linearization([first, meanwhile(1), deleted], stored)).toEqual([first, meanwhile(1), deleted]);
  // the younger contact was made and deleted before the older one was made
  const younger = event({ kind: 'identify', sighting: lorraine }, view(2), 1, 2);
  const gone = event({ kind: 'delete', id: 2 }, true, 3, 4);
  const older = event({ kind: 'identify', sighting: lorraine }, view(1), 0, 5);
  expect(linearization([younger, gone, older], stored)).toEqual([younger, gone, older]);
  // two contacts for one email, a read of what was deleted before, a deletion that counts twice, a lost write
  expect(linearization([first, meanwhile(2)], stored)).toBeNull();
  expect(linearization([first, deleted, event({ kind: 'find', id: 1 }, view(1), 6, 7)], stored)).toBeNull();
  expect(linearization([first, deleted, { ...deleted, startedAt: 6, answeredAt: 7 }], stored)).toBeNull();
  expect(linearization([first, event({ kind: 'find', id: 1 }, null, 4, 5)], stored)).toBeNull();
  // a call without an answer may have been carried out or not
  const unanswered = { ...deleted, answer: null, startedAt: 2, answeredAt: Infinity };
  expect(
    linearization([first, unanswered, event({ kind: 'find', id: 1 }, null, 4, 5)], stored),
  ).not.toBeNull();
  expect(
    linearization([first, unanswered, event({ kind: 'find', id: 1 }, view(1), 4, 5)], stored),
  ).not.toBeNull();
});

function event(call: Call, answer: Event['answer'], startedAt: number, answeredAt: number): Event {
  return { call, answer, startedAt, answeredAt };
}

/** Few enough to meet: four emails, four phone numbers. */
function fewPeople(): fc.Arbitrary<IdentifyBody> {
  return aSighting.filter(
    ({ email, phoneNumber }) =>
      (email === null || /^(lorraine|mcfly|george|biff)@/.test(email)) &&
      (phoneNumber === null || /^\d{6}$|^88$/.test(phoneNumber)),
  );
}

async function explain(
  plans: fc.Arbitrary<Plan[][]>,
  numRuns: number,
  figures: { histories: number; calls: number; overlapping: number; unanswered: number },
  disturb: () => Promise<void>,
  seedOfRound: number,
): Promise<void> {
  const property = fc.asyncProperty(plans, async (plan) => {
    const [{ events, stored }] = await Promise.all([play(plan), disturb()]);
    figures.histories++;
    figures.calls += events.length;
    figures.unanswered += events.filter(({ answeredAt }) => answeredAt === Infinity).length;
    figures.overlapping += events.filter((one) =>
      events.some(
        (other) => other !== one && one.startedAt < other.answeredAt && other.startedAt < one.answeredAt,
      ),
    ).length;
    if (linearization(events, stored) === null) {
      throw new Error(`no order explains ${JSON.stringify({ events, stored }, null, 1)}`);
    }
  });
  // Shrinking would need the same race once more.
  await fc.assert(property, { numRuns, seed: seedOfRound, endOnFailure: true });
}

/** Carries a plan out, a replica for each caller, with identifiers that no other history uses. */
async function play(plan: readonly Plan[][]): Promise<{ events: Event[]; stored: StoredContact[] }> {
  const own = 1_000_000 + histories++;
  const events: Event[] = [];
  const ids: number[] = [];
  let tick = 0;
  const perform = async (caller: Caller, call: Call): Promise<void> => {
    const startedAt = tick++;
    const outcome = await send(caller, call);
    const answer = answerOf(call, outcome);
    events.push({
      call,
      answer: answer ?? null,
      startedAt,
      answeredAt: answer === undefined ? Infinity : tick++,
    });
    if (typeof answer === 'object' && answer !== null) {
      ids.push(answer.primaryContactId, ...answer.secondaryContactIds);
    }
  };
  await Promise.all(
    plan.map(async (calls, index) => {
      for (const step of calls) {
        const call = callOf(step, own, ids);
        if (call !== null) {
          await perform(callers[index]!, call);
        }
      }
    }),
  );
  const stored = await contactsOf(own);
  // the state that is left must fit too
  for (const { id } of stored) {
    await perform(callers[0]!, { kind: 'find', id });
  }
  return { events, stored };
}

function callOf(step: Plan, own: number, ids: readonly number[]): Call | null {
  if (step.kind === 'identify') {
    const { email, phoneNumber } = step.sighting;
    return {
      kind: 'identify',
      sighting: { email: email && `${own}.${email}`, phoneNumber: phoneNumber && `${own}${phoneNumber}` },
    };
  }
  const id = pick(ids, step.share);
  return id === undefined ? null : { kind: step.kind, id };
}

function send(caller: Caller, call: Call): Promise<Outcome> {
  return call.kind === 'identify'
    ? caller.identify(call.sighting)
    : caller.send(call.kind === 'find' ? 'GET' : 'DELETE', `/contacts/${call.id}`);
}

/** Undefined: none, or one that leaves open what happened. */
function answerOf(call: Call, outcome: Outcome): Event['answer'] | undefined {
  switch (outcome.status) {
    case 200:
      return identityOf(outcome);
    case 204:
      return true;
    case 404:
      return call.kind === 'delete' ? false : null;
    case 503:
      return undefined;
    default:
      throw new Error(`${JSON.stringify(call)}: ${outcome.status} ${outcome.error}`);
  }
}

async function contactsOf(own: number): Promise<StoredContact[]> {
  const rows = await database.query<{ id: string; email: string | null; phone: string | null; at: string }>(
    `select id, email, phone_number as phone, (extract(epoch from created_at) * 1000000)::bigint as at
     from contact where email like $1 || '.%' or phone_number like $1 || '%'`,
    [String(own)],
  );
  return rows.map(({ id, email, phone, at }) => ({
    id: Number(id),
    email,
    phoneNumber: phone,
    createdAt: Number(at),
  }));
}

async function mergesSoFar(): Promise<number> {
  return (await database.query('select from identity_merge')).length;
}

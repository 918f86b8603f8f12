import * as fc from 'fast-check';
import type { Body, Reply } from '../../support/client.js';
import { storedRows } from '../../support/invariants.js';
import { useApp, useDatabase } from '../../support/hooks.js';
import { addLargeIdentity, allowAnySize } from '../../support/large-identity.js';
import { seedOf } from '../../support/random.js';
import { aHistory, pick } from '../../support/sightings.js';
import type { ShownIdentity } from '../../support/wire.js';

const database = useDatabase();
beforeAll(() => allowAnySize(database));
const app = useApp(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

interface Preview {
  readonly contact: Omit<ShownIdentity, 'primaryContactId' | 'secondaryContactIds'> & {
    readonly primaryContactId: number | null;
    readonly secondaryContactIds: readonly (number | null)[];
  };
  readonly outcome: 'created' | 'linked' | 'merged' | 'unchanged';
  readonly ignored?: unknown;
}

const LORRAINE = { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' };
const MCFLY = { email: 'mcfly@hillvalley.edu', phoneNumber: '123456' };
const GEORGE = { email: 'george@hillvalley.edu', phoneNumber: '919191' };

const dryRun = (body: Body): Promise<Reply<Preview>> =>
  app.client.send('POST', '/identify?dryRun=true', body);

/** All that is stored, and the ids that were drawn. */
async function stored(): Promise<unknown> {
  const drawn = ['contact', 'identity_merge', 'change', 'rule'].map((name) =>
    database.query(`select last_value, is_called from ${name}_id_seq`),
  );
  return Promise.all([storedRows(database), ...drawn]);
}

async function previewed(body: Body): Promise<Preview> {
  const before = await stored();
  const reply = await dryRun(body);
  expect(reply.status).toBe(200);
  expect(await stored()).toEqual(before);
  return reply.body;
}

describe('a dry run tells what the call would do and answer, and writes nothing', () => {
  test('a new identity, whose id is not drawn yet', async () => {
    expect(await previewed(LORRAINE)).toEqual({
      contact: {
        primaryContactId: null,
        emails: [LORRAINE.email],
        phoneNumbers: [LORRAINE.phoneNumber],
        secondaryContactIds: [],
      },
      outcome: 'created',
    });
  });

  test('a new contact of a known identity', async () => {
    await app.client.identify(LORRAINE);
    expect(await previewed(MCFLY)).toEqual({
      contact: {
        primaryContactId: 1,
        emails: [LORRAINE.email, MCFLY.email],
        phoneNumbers: [LORRAINE.phoneNumber],
        secondaryContactIds: [null],
      },
      outcome: 'linked',
    });
  });

  test('nothing new', async () => {
    await app.client.identify(LORRAINE);
    const contact = await app.client.identify(MCFLY);
    for (const body of [LORRAINE, MCFLY, { email: ' McFly@HillValley.edu ' }]) {
      expect(await previewed(body)).toEqual({ contact, outcome: 'unchanged' });
    }
  });

  test('identities that would become one', async () => {
    await app.client.identify(LORRAINE);
    await app.client.identify(GEORGE);
    expect(await previewed({ email: LORRAINE.email, phoneNumber: GEORGE.phoneNumber })).toEqual({
      contact: {
        primaryContactId: 1,
        emails: [LORRAINE.email, GEORGE.email],
        phoneNumbers: [LORRAINE.phoneNumber, GEORGE.phoneNumber],
        secondaryContactIds: [2],
      },
      outcome: 'merged',
    });
  });

  test('a field that a rule would leave out', async () => {
    await app.client.identify(LORRAINE);
    await app.client.identify(GEORGE);
    const identifiers = [
      { kind: 'email', value: LORRAINE.email },
      { kind: 'phoneNumber', value: GEORGE.phoneNumber },
    ];
    await app.client.send('POST', '/rules', { identifiers, reason: 'Two customers' });
    const body = { email: LORRAINE.email, phoneNumber: GEORGE.phoneNumber };
    const preview = await previewed(body);
    expect(preview).toEqual({
      contact: await app.client.find(1),
      outcome: 'unchanged',
      ignored: [{ field: 'phoneNumber', reason: 'do-not-link' }],
    });
    const { contact, ignored } = (await app.client.send<Preview>('POST', '/identify', body)).body;
    expect({ contact, ignored }).toEqual({ contact: preview.contact, ignored: preview.ignored });
  });

  test('a large identity, whole', async () => {
    const { primaryId, phoneNumber } = await addLargeIdentity(database, 1_500);
    const contact = (await app.client.find(primaryId))!;
    for (const _ of ['read', 'from the cache']) {
      expect(await previewed({ email: MCFLY.email, phoneNumber })).toEqual({
        contact: {
          ...contact,
          emails: [...contact.emails, MCFLY.email],
          secondaryContactIds: [...contact.secondaryContactIds, null],
        },
        outcome: 'linked',
      });
      expect(await app.client.find(primaryId)).toEqual(contact);
    }
  });
});

test('dryRun=false is the call itself', async () => {
  const reply = await app.client.send('POST', '/identify?dryRun=false', LORRAINE);
  expect(reply).toMatchObject({ status: 200, body: { contact: { primaryContactId: 1 } } });
  expect(reply.body).not.toHaveProperty('outcome');
});

test.each(['dryRun=', 'dryRun=1', 'dryRun=TRUE', 'dryRun=true&dryRun=true', 'dryrun=true', 'dry_run=true'])(
  'what is neither true nor false, or misspelled, writes nothing: %s',
  async (query) => {
    expect(await app.client.send('POST', `/identify?${query}`, LORRAINE)).toMatchObject({
      status: 400,
      body: { type: 'urn:problem:invalid-request', errors: [{ field: 'dryRun' }] },
    });
    expect(await app.client.find(1)).toBeNull();
  },
);

test('the body is checked as that of the call is', async () => {
  for (const body of [{}, { email: 'lorraine' }, { phoneNumber: 'x' }, '{', []]) {
    const [trial, real] = [await dryRun(body as Body), await app.client.send('POST', '/identify', body)];
    expect({ ...trial.body, requestId: null }).toEqual({ ...(real.body as object), requestId: null });
    expect(trial.status).toBe(400);
  }
});

test('whatever came before, the call does and answers what its dry run said', async () => {
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(aHistory, async (history) => {
      await database.clear();
      for (const step of history) {
        if ('deleteAt' in step) {
          const live = await database.query<{ id: number }>(
            'select id::int from contact where deleted_at is null order by id',
          );
          const target = pick(live, step.deleteAt);
          await (target && app.client.delete(target.id));
          continue;
        }
        for (const body of step.batch) {
          const counts = async (): Promise<number[]> =>
            Promise.all(
              ['contact', 'identity_merge'].map(
                async (table) => (await database.query(`select from ${table}`)).length,
              ),
            );
          const [contacts, merges] = await counts();
          const { contact, outcome } = (await dryRun(body)).body;
          const real = await app.client.identify(body);
          const [contactsAfter, mergesAfter] = await counts();
          const isNew = contactsAfter! > contacts!;
          const [youngest] = await database.query<{ id: number }>('select max(id)::int as id from contact');
          const told = (id: number): number | null => (isNew && id === youngest!.id ? null : id);
          expect(contact).toEqual({
            ...real,
            primaryContactId: told(real.primaryContactId),
            secondaryContactIds: real.secondaryContactIds.map(told),
          });
          const expected = isNew
            ? contact.primaryContactId === null
              ? 'created'
              : 'linked'
            : mergesAfter! > merges!
              ? 'merged'
              : 'unchanged';
          expect(outcome).toBe(expected);
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      }
    }),
    { seed: seedOf('identify dry run'), numRuns: 12 },
  );
  for (const outcome of ['created', 'linked', 'merged', 'unchanged']) {
    expect([outcome, outcomes.get(outcome)]).toEqual([outcome, expect.any(Number)]);
  }
}, 60_000);

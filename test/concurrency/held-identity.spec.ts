import pg from 'pg';
import { use, useDatabase, useService } from '../support/hooks.js';
import { violations } from '../support/invariants.js';

const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url }));
const holder = use(
  async () => {
    const client = new pg.Client({ connectionString: database.adminUrl });
    await client.connect();
    return client;
  },
  (client) => client.end(),
);

/** Runs `work` while a session of somebody else holds a contact. */
async function whileHeld(contactId: number, work: () => Promise<void>): Promise<void> {
  await holder.query('begin');
  await holder.query('select id from contact where tenant_id = 1 and id = $1 for no key update', [contactId]);
  try {
    await work();
  } finally {
    await holder.query('rollback');
  }
}

/** Statuses of calls about newcomers, one after the other. */
async function newcomers(name: string): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < 30; i++) {
    const { status } = await service.client.send('POST', '/identify', {
      email: `${name}${i}@hillvalley.edu`,
    });
    statuses.push(status);
  }
  return statuses;
}

test('an identity that somebody else holds keeps no other call waiting', async () => {
  const { primaryContactId } = await service.client.identify({ email: 'biff@hillvalley.edu' });
  let held: Promise<unknown>[] = [];
  await whileHeld(primaryContactId, async () => {
    held = Array.from({ length: 12 }, (_, i) =>
      service.client.identify({ email: 'biff@hillvalley.edu', phoneNumber: String(100 + i) }),
    );
    expect(await newcomers('lorraine')).toEqual(Array.from({ length: 30 }, () => 200));
    const known = await service.client.identify({ email: 'biff@hillvalley.edu' });
    expect(known.secondaryContactIds).toEqual([]);
  });
  await Promise.all(held);
  expect((await service.client.find(primaryContactId))!.secondaryContactIds).toHaveLength(12);
  expect(await violations(database)).toEqual({});
});

test('callers of one batch with it are answered at once', async () => {
  const { primaryContactId } = await service.client.identify({ email: 'marvin@hillvalley.edu' });
  let held: Promise<unknown> = Promise.resolve();
  await whileHeld(primaryContactId, async () => {
    // so many at once that they can't all be in batches of their own
    const others = Array.from({ length: 200 }, (_, i) => {
      if (i === 100) {
        held = service.client.identify({ email: 'marvin@hillvalley.edu', phoneNumber: '9' });
      }
      return service.client.send('POST', '/identify', { email: `jennifer${i}@hillvalley.edu` });
    });
    const statuses = (await Promise.all(others)).map(({ status }) => status);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });
  await held;
});

test('many deletions from it leave the others connections to work with', async () => {
  const { primaryContactId } = await service.client.identify({ email: 'strickland@hillvalley.edu' });
  let deletions: Promise<number>[] = [];
  await whileHeld(primaryContactId, async () => {
    deletions = Array.from({ length: 60 }, () => service.client.delete(primaryContactId));
    expect(await newcomers('george')).toEqual(Array.from({ length: 30 }, () => 200));
  });
  const statuses = await Promise.all(deletions);
  expect(statuses.filter((status) => status === 204).length).toBeLessThanOrEqual(1);
  expect(statuses.filter((status) => ![204, 404, 503].includes(status))).toEqual([]);
});

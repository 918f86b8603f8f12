import * as fc from 'fast-check';
import { useApp, useDatabase } from '../../support/hooks.js';
import { addLargeIdentity } from '../../support/large-identity.js';
import { random, seedOf } from '../../support/random.js';
import { aHistory, pick } from '../../support/sightings.js';
import type { ShownIdentity } from '../../support/wire.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
const german = useApp(() => ({ DATABASE_URL: database.url, DEFAULT_PHONE_REGION: 'DE' }));

beforeEach(() => database.clear());

interface Listed {
  readonly contact: ShownIdentity;
  readonly contacts?: number;
  readonly partial?: true;
}

interface Page {
  readonly identities: readonly Listed[];
  readonly next: string | null;
}

/** A list: the path of its call, and the body if it has one. */
type List = readonly [path: string, body?: object];

const ALL: List = ['/identities?'];
const BY_SIZE: List = ['/identities?order=size'];
const search = (prefix: string, kind?: string): List => ['/search?', { prefix, kind }];

async function page([path, body]: List, parameters: string, client = app.client): Promise<Page> {
  const reply = await client.send<Page>(body === undefined ? 'GET' : 'POST', `${path}&${parameters}`, body);
  expect([path, parameters, reply.status]).toEqual([path, parameters, 200]);
  return reply.body;
}

/** All of a list, read in pages, with something done after each. */
async function walk(
  list: List,
  limit: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (let after = ''; ;) {
    const { identities, next } = await page(list, `limit=${limit}${after}`);
    expect(identities.length).toBeLessThanOrEqual(limit);
    listed.push(...identities);
    if (next === null) {
      return listed;
    }
    after = `&after=${encodeURIComponent(next)}`;
    await between();
  }
}

const idsOf = (listed: readonly Listed[]): number[] => listed.map(({ contact }) => contact.primaryContactId);

/** Lorraine is 1 and 2, George 3, Biff 4 to 6, Doc 7. */
async function addPeople(): Promise<void> {
  for (const [name, phoneNumber] of [
    ['lorraine', '111'],
    ['lorraine', '112'],
    ['george', '131'],
    ['biff', '141'],
    ['biff', '142'],
    ['griff', '142'],
    ['doc', null],
  ]) {
    await app.client.identify({ email: `${name}@hillvalley.edu`, phoneNumber });
  }
}

describe('the list of all identities', () => {
  test('has them in order of their primary, whole', async () => {
    await addPeople();
    expect(await page(ALL, 'limit=2')).toEqual({
      identities: [{ contact: await app.client.find(1) }, { contact: await app.client.find(3) }],
      next: '3',
    });
    expect(await page(ALL, 'limit=2&after=3')).toMatchObject({
      identities: [{ contact: { primaryContactId: 4 } }, { contact: { primaryContactId: 7 } }],
      next: null,
    });
    expect(await page(ALL, 'after=7')).toEqual({ identities: [], next: null });
  });

  test('is empty where nobody is', async () => {
    for (const list of [ALL, BY_SIZE, search('lor')]) {
      expect(await page(list, '')).toEqual({ identities: [], next: null });
    }
  });

  test('shows no deleted contact, and no identity whose contacts are all deleted', async () => {
    await addPeople();
    for (const id of [4, 3]) {
      await app.client.delete(id);
    }
    expect(idsOf(await walk(ALL, 1))).toEqual([1, 5, 7]);
    expect((await page(ALL, 'limit=1&after=1')).identities).toEqual([{ contact: await app.client.find(5) }]);
  });

  test('shows the primary alone of an identity with more than 100 contacts, deleted ones too', async () => {
    const large = await addLargeIdentity(database, 101, 'large');
    const small = await addLargeIdentity(database, 100, 'small');
    const { identities } = await page(ALL, '');
    expect(identities).toEqual([
      {
        contact: {
          primaryContactId: large.primaryId,
          emails: ['large1@hillvalley.edu'],
          phoneNumbers: [large.phoneNumber],
          secondaryContactIds: [],
        },
        partial: true,
      },
      { contact: await app.client.find(small.primaryId) },
    ]);
    await database.query('update contact set deleted_at = now() where linked_id is not null');
    expect(await page(ALL, '')).toMatchObject({ identities: [{ partial: true }, {}] });
  });
});

describe('the list by size', () => {
  test('has the largest first with its contacts, and of one size the oldest primary', async () => {
    await addPeople();
    const { identities, next } = await page(BY_SIZE, '');
    expect(next).toBeNull();
    expect(identities).toEqual([
      { contact: await app.client.find(4), contacts: 3 },
      { contact: await app.client.find(1), contacts: 2 },
      { contact: await app.client.find(3), contacts: 1 },
      { contact: await app.client.find(7), contacts: 1 },
    ]);
  });

  test('does not count deleted contacts', async () => {
    await addPeople();
    await app.client.delete(5);
    await app.client.delete(6);
    expect((await page(BY_SIZE, '')).identities.map(({ contacts }) => contacts)).toEqual([2, 1, 1, 1]);
  });

  test('tells how many contacts an identity has that it shows in part', async () => {
    await addPeople();
    const { primaryId } = await addLargeIdentity(database, 150);
    expect((await page(BY_SIZE, 'limit=1')).identities).toMatchObject([
      { contact: { primaryContactId: primaryId, secondaryContactIds: [] }, contacts: 150, partial: true },
    ]);
  });
});

async function found(prefix: string, kind?: string, client = app.client): Promise<number[]> {
  return idsOf((await page(search(prefix, kind), '', client)).identities);
}

describe('a search', () => {
  beforeEach(addPeople);

  test('finds identities whole, by how an email or a phone number begins', async () => {
    expect((await page(search('gri'), '')).identities).toEqual([{ contact: await app.client.find(4) }]);
    expect(await found('lorraine@hillvalley.edu')).toEqual([1]);
    expect(await found('orraine')).toEqual([]);
    expect(await found('142')).toEqual([4]);
  });

  test('tells of an identity once, where its first match stands', async () => {
    for (const [email, phoneNumber] of [
      ['mart-1', '300'],
      ['mart-2', '400'],
      ['mart-3', '300'],
    ]) {
      await app.client.identify({ email: `${email}@hillvalley.edu`, phoneNumber });
    }
    for (const limit of [1, 2, 50]) {
      expect(idsOf(await walk(search('mart'), limit))).toEqual([8, 9]);
    }
    expect(await found('mart-3')).toEqual([8]);
  });

  test('normalises the prefix as the identifiers are', async () => {
    expect(await found('  GEO')).toEqual([3]);
    expect(await found('George@HILLVALLEY.edu')).toEqual([3]);
    expect(await found('1-4(2)')).toEqual([4]);
  });

  test('takes wildcards of LIKE and of patterns as they are', async () => {
    await app.client.identify({ email: 'a_b%c@hillvalley.edu' });
    expect(await found('a_b')).toEqual([8]);
    expect(await found('a_b%')).toEqual([8]);
    for (const prefix of ['%%%', '___', 'a%c', 'l%e', 'lo_raine', '.*.', '\\\\\\']) {
      expect([prefix, await found(prefix)]).toEqual([prefix, []]);
    }
  });

  test('may be of one kind', async () => {
    await app.client.identify({ email: '14234@hillvalley.edu' });
    expect(await found('142')).toEqual([8, 4]);
    expect(await found('142', 'email')).toEqual([8]);
    expect(await found('142', 'phoneNumber')).toEqual([4]);
  });

  test('knows a number in E.164, with 00 and as it is dialled at home', async () => {
    await german.client.identify({ phoneNumber: '+49 170 1234567' });
    await german.client.identify({ phoneNumber: '0170999' });
    for (const prefix of ['+49 (0)170 12', '+49170', '0049 170', '004917012']) {
      expect([prefix, await found(prefix)]).toEqual([prefix, [8]]);
    }
    // +49170…, and 0170999, which is no valid number
    expect(await found('0170', undefined, german.client)).toEqual([8, 9]);
    expect(await found('017012', undefined, german.client)).toEqual([8]);
    expect(await found('0170')).toEqual([9]);
  });

  test('finds nothing that was deleted, and nothing that is only reserved', async () => {
    await app.client.delete(3);
    await database.query(`insert into identifier values (1, 0, 'geoff@hillvalley.edu', null)`);
    expect(await found('geo')).toEqual([]);
  });

  test('tells of a large identity once, on whatever pages its matches are', async () => {
    const { primaryId } = await addLargeIdentity(database, 400, 'aaa');
    // between two of its matches, and behind all of them
    const others = await Promise.all(
      ['aaa150x', 'aaa1z'].map((name) => app.client.identify({ email: `${name}@hillvalley.edu` })),
    );
    const expected = [primaryId, ...others.map(({ primaryContactId }) => primaryContactId)];
    for (const limit of [1, 2, 50]) {
      expect(idsOf(await walk(search('aaa1'), limit))).toEqual(expected);
    }
  });

  test('ends a page early rather than read on through thousands of matches of one identity', async () => {
    const { primaryId } = await addLargeIdentity(database, 9_000, 'bbb');
    const { primaryContactId } = await app.client.identify({ email: 'bbbz@hillvalley.edu' });
    const { identities, next } = await page(search('bbb'), 'limit=2');
    expect([idsOf(identities), next]).toEqual([[primaryId], expect.stringMatching(/^email\.\d+$/)]);
    expect(idsOf(await walk(search('bbb'), 2))).toEqual([primaryId, primaryContactId]);
  });

  test('gets past thousands of reserved identifiers, which nobody has', async () => {
    await database.query(
      `insert into identifier select 1, 0, 'ccc' || i || '@hillvalley.edu', null from generate_series(1, 9000) i`,
    );
    await app.client.identify({ email: 'cccz@hillvalley.edu' });
    expect(await found('ccc')).toEqual([8]);
  });
});

describe('what is not valid is refused, naming the field', () => {
  test.each([
    ['/identities?limit=0', 'limit'],
    ['/identities?limit=201', 'limit'],
    ['/identities?limit=x', 'limit'],
    ['/identities?after=x', 'after'],
    ['/identities?after=3.1', 'after'],
    ['/identities?order=age', 'order'],
    ['/identities?order=', 'order'],
    ['/identities?order=size&order=size', 'order'],
    ['/identities?order=size&after=3', 'after'],
    ['/identities?order=size&after=3.4.5', 'after'],
    ['/identities?order=size&after=3.', 'after'],
  ])('%s', async (path, field) => {
    expect(await app.client.send('GET', path)).toMatchObject({
      status: 400,
      body: { type: 'urn:problem:invalid-request', errors: [{ field }] },
    });
  });

  test.each<[object, string, string?]>([
    [{}, 'prefix'],
    [{ prefix: 'ab' }, 'prefix'],
    [{ prefix: ' ab ' }, 'prefix'],
    [{ prefix: '(1) 2', kind: 'phoneNumber' }, 'prefix'],
    [{ prefix: 123 }, 'prefix'],
    [{ prefix: null }, 'prefix'],
    [{ prefix: 'a'.repeat(255) }, 'prefix'],
    [{ prefix: 'abc\0' }, 'prefix'],
    [{ prefix: 'abc\ud800' }, 'prefix'],
    [{ prefix: 'abc', kind: 'phoneNumber' }, 'prefix'],
    [{ prefix: 'abc', kind: 'name' }, 'kind'],
    [{ prefix: 'abc', kind: 3 }, 'kind'],
    [{ prefix: 'abc' }, 'limit', 'limit=201'],
    [{ prefix: 'abc' }, 'after', 'after=1'],
    [{ prefix: 'abc' }, 'after', 'after=email.99'],
    [{ prefix: 'abc' }, 'after', 'after=email.1'],
    [{ prefix: 'abc' }, 'after', 'after=toString.1'],
  ])('%j', async (body, field, parameters = '') => {
    await addPeople();
    expect(await app.client.send('POST', `/search?${parameters}`, body)).toMatchObject({
      status: 400,
      body: { type: 'urn:problem:invalid-request', errors: [{ field }] },
    });
  });
});

/** What the lists must show, from the rows alone: by primary, its live contacts. */
async function liveIdentities(): Promise<{ id: number; values: string[]; count: number }[]> {
  return database.query(`select coalesce(linked_id, id)::int as id, count(*)::int as count,
      array_remove(array_agg(email) || array_agg(phone_number), null) as values
    from contact where deleted_at is null group by 1 order by 1`);
}

test('while nothing changes, the pages of each list have each identity exactly once', async () => {
  const seen = { identities: 0, several: 0, found: 0 };
  await fc.assert(
    fc.asyncProperty(aHistory, fc.integer({ min: 1, max: 4 }), async (history, limit) => {
      await database.clear();
      for (const step of history) {
        if ('batch' in step) {
          await Promise.all(step.batch.map((body) => app.client.identify(body)));
        } else {
          const live = await database.query<{ id: number }>(
            'select id::int from contact where deleted_at is null order by id',
          );
          const target = pick(live, step.deleteAt);
          await (target && app.client.delete(target.id));
        }
      }
      const expected = await liveIdentities();
      expect(idsOf(await walk(ALL, limit))).toEqual(expected.map(({ id }) => id));
      const bySize = expected.toSorted((a, b) => b.count - a.count || a.id - b.id);
      const sized = await walk(BY_SIZE, limit);
      expect(sized.map(({ contact, contacts }) => [contact.primaryContactId, contacts])).toEqual(
        bySize.map(({ id, count }) => [id, count]),
      );
      for (const prefix of ['lor', 'geo', 'gol', 'doc', '+15', '555']) {
        const matching = expected
          .map(({ id, values }) => ({
            id,
            first: values.filter((each) => each.startsWith(prefix)).toSorted()[0],
          }))
          .filter(({ first }) => first !== undefined)
          .toSorted((a, b) => (a.first! < b.first! ? -1 : 1));
        expect(idsOf(await walk(search(prefix), limit))).toEqual(matching.map(({ id }) => id));
        seen.found += matching.length;
      }
      seen.identities += expected.length;
      seen.several += expected.filter(({ count }) => count > 1).length;
    }),
    { seed: seedOf('listing'), numRuns: 25 },
  );
  expect(seen.several).toBeGreaterThan(10);
  expect(seen.identities).toBeGreaterThan(seen.several);
  expect(seen.found).toBeGreaterThan(10);
}, 120_000);

test('whatever is written meanwhile, an identity that nobody touches is in the pages exactly once', async () => {
  const next = random(seedOf('listing under writes'));
  const busy = (): object => ({
    email: `hv-${Math.floor(next() * 40)}-busy@hillvalley.edu`,
    ...(next() < 0.5 && { phoneNumber: String(1000 + Math.floor(next() * 60)) }),
  });
  const calm: number[] = [];
  for (let i = 0; i < 40; i++) {
    const email = `hv-${i}@hillvalley.edu`;
    const { primaryContactId } = await app.client.identify({ email, phoneNumber: `9${i}` });
    await app.client.identify(busy());
    // some of two and three contacts, with matches that lie apart
    for (let more = 0; more < i % 3; more++) {
      await app.client.identify({ email: `hv-${39 - i}-${more}@hillvalley.edu`, phoneNumber: `9${i}` });
    }
    calm.push(primaryContactId);
  }
  let writes = 0;
  const write = async (): Promise<void> => {
    for (let i = 0; i < 3; i++, writes++) {
      const { primaryContactId } = await app.client.identify(busy());
      await (next() < 0.2 && app.client.delete(primaryContactId));
    }
  };
  for (const list of [ALL, BY_SIZE, search('hv-')]) {
    for (const limit of [1, 3, 10]) {
      const listed = idsOf(await walk(list, limit, write)).filter((id) => calm.includes(id));
      expect(listed.toSorted((a, b) => a - b)).toEqual(calm);
    }
  }
  expect(writes).toBeGreaterThan(100);
  expect(await database.query('select from identity_merge')).not.toEqual([]);
}, 120_000);

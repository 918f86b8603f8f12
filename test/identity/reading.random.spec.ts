import { getRepositoryToken } from '@mikro-orm/nestjs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import * as fc from 'fast-check';
import { Settings } from '../../src/config/settings.js';
import { createApp } from '../../src/create-app.js';
import { ChangesService } from '../../src/identity/changes.service.js';
import type { Identifier, IdentityView, Sighting } from '../../src/identity/domain/contact.js';
import { DEFAULT_POLICY } from '../../src/identity/domain/policy.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../src/identity/domain/kinds.js';
import { searchRanges } from '../../src/identity/domain/search.js';
import { DoNotLinkError, NothingToSplitError } from '../../src/identity/identity.errors.js';
import { ListingService } from '../../src/identity/listing.service.js';
import { ReadingService } from '../../src/identity/reading.service.js';
import { ReconciliationService } from '../../src/identity/reconciliation.service.js';
import type { ContactRepository } from '../../src/identity/store/contact.repository.js';
import { Contact } from '../../src/identity/store/entities/contact.js';
import { evidenceFaults } from '../support/evidence.js';
import { use, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { aShare, announceSeed, pick, seed } from '../support/sightings.js';

announceSeed('reading');

// What is read, on PostgreSQL, of random histories of three kinds of identifiers with all that can happen to them. What it is
// compared with comes from the rows alone, or was answered at the time.

const TENANT = 1;
const RUNS = 20;
/** Pairs of contacts of each identity whose path is looked at. */
const PAIRS = 3;
const FORMS = { defaultPhoneRegion: null, emailRules: 'none', phoneForms: 'same' } as const;
const KINDS = new Kinds([
  EMAIL,
  PHONE_NUMBER,
  { ...EMAIL, name: 'customerId', number: 2, normaliser: 'trim', priority: 10, maxLength: 64 },
]);

const database = useDatabase();
const app: NestFastifyApplication = use(
  async () => {
    const made = await createApp(
      new Settings({ DATABASE_URL: database.url, LOG_LEVEL: 'silent', METRICS_PORT: 'off' }),
    );
    await made.init();
    made.get<ContactRepository>(getRepositoryToken(Contact), { strict: false }).policyOf = () => ({
      ...DEFAULT_POLICY,
      kinds: KINDS,
    });
    return made;
  },
  (made) => made.close(),
);
const service = <T>(type: new (...needed: never[]) => T): T => app.get<T>(type, { strict: false });

/** A row, with what it carries by the names of the kinds. */
interface Row {
  readonly id: number;
  readonly root: number;
  readonly email: string | null;
  readonly phoneNumber: string | null;
  readonly customerId: string | null;
  readonly isDeleted: boolean;
}

interface MergeRow {
  readonly id: number;
  readonly left: number;
  readonly right: number;
  readonly email: string | null;
  readonly phoneNumber: string | null;
  readonly customerId: string | null;
  readonly cause: string;
  readonly isUndone: boolean;
}

const rows = (): Promise<Row[]> =>
  database.query(`select id::int, coalesce(linked_id, id)::int as root, email, phone_number as "phoneNumber",
    identifiers ->> '2' as "customerId", deleted_at is not null as "isDeleted" from contact order by id`);

const mergeRows = (): Promise<MergeRow[]> =>
  database.query(`select id::int, left_contact_id::int as left, right_contact_id::int as right, email,
    phone_number as "phoneNumber", identifiers ->> '2' as "customerId", cause, undone_by is not null as "isUndone"
    from identity_merge order by id`);

/** When something was written last, in µs since 1970. */
async function lastWrite(): Promise<number> {
  const [row] = await database.query<{ at: string }>(
    `select (extract(epoch from greatest((select max(updated_at) from contact), (select max(at) from change))) * 1000000)::bigint
      as at`,
  );
  return Number(row!.at);
}

const carries = (row: Row | MergeRow, { kind, value }: Identifier): boolean =>
  row[kind as 'email' | 'phoneNumber' | 'customerId'] === value;

const identifiersIn = ({ customerId, email, phoneNumber }: Row | MergeRow): Identifier[] =>
  KINDS.identifiersOf({ customerId, email, phoneNumber });

const told = (view: IdentityView | null): unknown =>
  view && { ...view, values: Object.fromEntries([...view.values].toSorted(([a], [b]) => (a < b ? -1 : 1))) };

const OPERATIONS = ['delete', 'delete-identity', 'merge', 'undo', 'split-contact', 'split-value'] as const;
type Operation = { readonly identify: readonly Sighting[] } | { readonly do: (typeof OPERATIONS)[number] };

const value = (...values: string[]): fc.Arbitrary<string | null> =>
  fc.option(fc.constantFrom(...values), { freq: 2 });

const aSighting: fc.Arbitrary<Sighting> = fc
  .record({
    customerId: value('C-1', 'C-2', 'C-3', 'C-4'),
    email: value('a@x.example', 'b@x.example', 'c@x.example', 'd@x.example', 'e@x.example'),
    phoneNumber: value('111', '112', '113', '114', '115'),
  })
  .map((values) => ({ identifiers: KINDS.identifiersOf(values) }))
  .filter(({ identifiers }) => identifiers.length > 0);

const aHistory: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    {
      weight: 14,
      arbitrary: fc.array(aSighting, { minLength: 1, maxLength: 3 }).map((identify) => ({ identify })),
    },
    ...OPERATIONS.map((name) => ({
      weight: name === 'undo' ? 3 : 1,
      arbitrary: fc.constant({ do: name }),
    })),
  ),
  { minLength: 15, maxLength: 30, size: 'max' },
);

/** Does one thing; nothing if there is nothing to do it to, or if it is refused. Returns what was done. */
async function perform(operation: Operation, share: () => number): Promise<string | null> {
  if ('identify' in operation) {
    await service(ReconciliationService).reconcileAll(TENANT, operation.identify);
    return 'identify';
  }
  const changes = service(ChangesService);
  const call = {
    tenantId: TENANT,
    actor: 'doc',
    isDryRun: false,
    ifMatch: null,
    route: 'x',
    idempotencyKey: null,
  };
  const live = (await rows()).filter(({ isDeleted }) => !isDeleted);
  const [one, other] = [pick(live, share()), pick(live, share())];
  const merge = pick(await mergeRows(), share());
  if (one === undefined || other === undefined || (operation.do === 'undo' && merge === undefined)) {
    return null;
  }
  const reason = 'random';
  const leaving = {
    'split-contact': { identifiers: [], contactIds: [one.id] },
    'split-value': { identifiers: [pick(identifiersIn(one), share())!], contactIds: [] },
  };
  const work: Record<(typeof OPERATIONS)[number], () => Promise<unknown>> = {
    delete: () => service(ReconciliationService).delete(TENANT, one.id),
    'delete-identity': () => changes.deleteIdentity(call, one.id, {}),
    merge: () => changes.merge(call, { contactIds: [...new Set([one.id, other.id])], reason }),
    undo: () => changes.undo(call, merge!.id, { reason }),
    'split-contact': () => changes.split(call, { contactId: one.id, ...leaving['split-contact'], reason }),
    'split-value': () => changes.split(call, { contactId: one.id, ...leaving['split-value'], reason }),
  };
  try {
    await work[operation.do]();
    return operation.do;
  } catch (error) {
    if (error instanceof NothingToSplitError || error instanceof DoNotLinkError) {
      return null;
    }
    throw error;
  }
}

test('whatever has happened, what is read of it is what the rows say and what was answered then', async () => {
  const seen = new Map<string, number>();
  const count = (what: string, times = 1): void => void seen.set(what, (seen.get(what) ?? 0) + times);
  await fc.assert(
    fc.asyncProperty(aHistory, fc.infiniteStream(aShare), async (history, shares) => {
      const share = (): number => shares.next().value!;
      await database.clear();
      const answers: { at: number; views: Map<number, unknown> }[] = [];
      for (const operation of history) {
        const done = await perform(operation, share);
        if (done !== null) {
          count(`do ${done}`);
        }
        const views = new Map<number, unknown>();
        for (const { id } of await rows()) {
          views.set(id, told(await service(ReconciliationService).find(TENANT, id)));
        }
        answers.push({ at: await lastWrite(), views });
      }
      expect(await violations(database)).toEqual({});
      await checkPast(answers, count);
      await checkEvidence(share, count);
      await checkLists();
    }),
    { seed, numRuns: RUNS, endOnFailure: true },
  );
  process.stdout.write(`reading: ${JSON.stringify(Object.fromEntries(seen))}\n`);
  for (const what of [
    'shared',
    'merge',
    'apart',
    'undone',
    'long path',
    ...OPERATIONS.map((name) => `do ${name}`),
  ]) {
    expect([what, seen.get(what)]).toEqual([what, expect.any(Number)]);
  }
}, 180_000);

type Count = (what: string, times?: number) => void;

/** At each moment, and a microsecond before the next one, the identity of each contact is what was answered. */
async function checkPast(
  answers: readonly { readonly at: number; readonly views: ReadonlyMap<number, unknown> }[],
  count: Count,
): Promise<void> {
  const ids = (await rows()).map(({ id }) => id);
  for (const [i, { at, views }] of answers.entries()) {
    const next = answers.slice(i).find((later) => later.at > at);
    for (const moment of [at, ...(next === undefined ? [] : [next.at - 1])]) {
      for (const id of moment === at ? ids : ids.slice(i % ids.length, (i % ids.length) + 2)) {
        const view = await service(ReadingService).findAt(TENANT, id, moment);
        expect({ id, moment, view: told(view) }).toEqual({ id, moment, view: views.get(id) ?? null });
        count('answers');
      }
    }
  }
}

/** The evidence of each identity is a tree, and each step of a path is real. Between two identities it is what was undone. */
async function checkEvidence(share: () => number, count: Count): Promise<void> {
  const reading = service(ReadingService);
  const [all, merges] = [await rows(), await mergeRows()];
  const byId = new Map(all.map((row) => [row.id, row]));
  for (const [root, members] of Map.groupBy(all, (row) => row.root)) {
    const { contacts, edges } = await reading.evidence(TENANT, pick(members, share())!.id);
    expect(contacts.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(members.map(({ id }) => id));
    expect(
      evidenceFaults(
        members.map(({ id }) => ({ ...byId.get(id)!, linkedId: id === root ? null : root })),
        edges.map(({ fromId, toId }) => [fromId, toId] as const),
      ),
    ).toEqual([]);
    const own = merges.filter(({ left, right }) => [left, right].some((id) => byId.get(id)!.root === root));
    const listed = await reading.merges(TENANT, root, null, 200);
    expect(listed.items.map(({ id, undone }) => [id, undone !== null])).toEqual(
      own.map(({ id, isUndone }) => [id, isUndone]),
    );

    for (let pair = 0; pair < PAIRS; pair++) {
      await checkPath(pick(members, share())!, pick(members, share())!, byId, merges, count);
    }

    const from = pick(members, share())!;
    const stranger = pick(
      all.filter((row) => row.root !== root),
      share(),
    );
    if (stranger !== undefined) {
      const separation = await reading.explain(TENANT, from.id, stranger.id);
      const between = merges.filter(({ left, right }) => {
        const roots = new Set([byId.get(left)!.root, byId.get(right)!.root]);
        return roots.has(root) && roots.has(stranger.root);
      });
      expect('path' in separation).toBe(false);
      expect('path' in separation ? [] : separation.undoneMerges.map(({ id }) => id)).toEqual(
        between.map(({ id }) => id),
      );
      count('apart');
      count('undone', between.length);
    }
  }
}

/** Each step of the path names what both contacts carry, or the merge that joins them, with its sighting. */
async function checkPath(
  from: Row,
  to: Row,
  byId: ReadonlyMap<number, Row>,
  merges: readonly MergeRow[],
  count: Count,
): Promise<void> {
  const connection = await service(ReadingService).explain(TENANT, from.id, to.id);
  const path = 'path' in connection ? connection.path : [];
  expect([from.id, ...path.map(({ toId }) => toId)]).toEqual([...path.map(({ fromId }) => fromId), to.id]);
  for (const { fromId, toId, type, identifiers, merge } of path) {
    const ends = [byId.get(fromId)!, byId.get(toId)!];
    if (type === 'shared') {
      expect(identifiers).not.toEqual([]);
      expect(identifiers.every((each) => ends.every((end) => carries(end, each)))).toBe(true);
    } else {
      const row = merges.find(({ id }) => id === merge!.id)!;
      expect(new Set([row.left, row.right])).toEqual(new Set([fromId, toId]));
      expect({ ...merge, isUndone: row.isUndone, identifiers }).toEqual({
        id: row.id,
        cause: row.cause,
        isUndone: false,
        identifiers: identifiersIn(row),
      });
      expect(identifiers.length === 0).toBe(row.cause !== 'sighting');
    }
    count(type);
  }
  count('long path', path.length > 3 ? 1 : 0);
}

/** The lists have each identity with a live contact once, and a search those with a match, of a kind of the tenant too. */
async function checkLists(): Promise<void> {
  const listing = service(ListingService);
  const live = Map.groupBy(
    (await rows()).filter(({ isDeleted }) => !isDeleted),
    ({ root }) => root,
  );
  const { identities } = await listing.all(TENANT, null, 200);
  const sizes = new Map(identities.map(({ view, contacts }) => [view.primaryContactId, contacts]));
  expect(sizes).toEqual(new Map([...live].toSorted(([a], [b]) => a - b).map(([id, of]) => [id, of.length])));
  for (const [kind, prefix] of [
    ['customerId', 'C-1'],
    ['phoneNumber', '112'],
  ] as const) {
    const found = await listing.search(TENANT, searchRanges(prefix, [KINDS.named(kind)], FORMS), null, 200);
    const expected = [...live].filter(([, of]) => of.some((row) => row[kind] === prefix)).map(([id]) => id);
    expect(found!.identities.map(({ view }) => view.primaryContactId)).toEqual(expected);
  }
}

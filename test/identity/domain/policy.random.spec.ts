import * as fc from 'fast-check';
import { Blocklist } from '../../../src/identity/domain/blocklist.js';
import type { Identifier, Ignored, Sighting } from '../../../src/identity/domain/contact.js';
import { EMAIL, Kinds, PHONE_NUMBER } from '../../../src/identity/domain/kinds.js';
import { mergeByHand } from '../../../src/identity/domain/merge-by-hand.js';
import { admit, DEFAULT_POLICY } from '../../../src/identity/domain/policy.js';
import { reconcile } from '../../../src/identity/domain/reconcile.js';
import { remove } from '../../../src/identity/domain/remove.js';
import { makeRule } from '../../../src/identity/domain/rules.js';
import { NO_WRITES, withRealIds, type Writes } from '../../../src/identity/domain/writes.js';
import { aShare, announceSeed, EMAILS, PHONES, pick, seed } from '../../support/sightings.js';
import { MemoryStore, type StoredRow } from './memory-store.js';

announceSeed('policy');

const CUSTOMERS = ['C-1', 'C-2', 'C-3', 'C-4', 'C-5', 'C-6'];
const BLOCKED_PHONE = '0000000000';
const ALL_PHONES = [...PHONES, BLOCKED_PHONE];

const aLimit = fc.option(fc.integer({ min: 1, max: 3 }), { nil: null, freq: 3 });
const aPolicy = fc.record({
  maxContacts: fc.constantFrom(1, 2, 3, 5, Infinity),
  oneCustomer: fc.boolean(),
  maxEmails: aLimit,
  maxPhones: aLimit,
  isBlocking: fc.boolean(),
});
type Limits = typeof aPolicy extends fc.Arbitrary<infer T> ? T : never;

/** Written apart from the service: which identifiers each person has, and with how many contacts. */
interface Person {
  readonly contacts: Map<number, readonly string[]>;
}

const KINDS_BY_STRENGTH = ['customerId', 'email', 'phoneNumber'];

const maybe = (values: readonly string[]) => fc.option(fc.constantFrom(...values), { nil: null, freq: 2 });
const aSighting = fc
  .record({ customerId: maybe(CUSTOMERS), email: maybe(EMAILS), phoneNumber: maybe(ALL_PHONES) })
  .filter((values) => Object.values(values).some((value) => value !== null));

const aStep = fc.oneof(
  { weight: 10, arbitrary: fc.array(aSighting, { minLength: 1, maxLength: 4 }).map((batch) => ({ batch })) },
  { weight: 2, arbitrary: aPolicy.map((limits) => ({ limits })) },
  {
    weight: 3,
    arbitrary: fc.record({ rule: fc.tuple(fc.constantFrom(...EMAILS), fc.constantFrom(...PHONES)) }),
  },
  { weight: 2, arbitrary: aShare.map((deleteAt) => ({ deleteAt })) },
  { weight: 4, arbitrary: fc.record({ mergeAt: fc.tuple(aShare, aShare), isForced: fc.boolean() }) },
);

function policyOf({ maxContacts, oneCustomer, maxEmails, maxPhones, isBlocking }: Limits) {
  return {
    ...DEFAULT_POLICY,
    maxContacts,
    kinds: new Kinds([
      { ...EMAIL, maxPerIdentity: maxEmails },
      { ...PHONE_NUMBER, maxPerIdentity: maxPhones },
      { ...EMAIL, name: 'customerId', number: 2, priority: 10, onePerIdentity: oneCustomer },
    ]),
    blocked: new Blocklist(isBlocking ? [{ id: 1, kind: 'phoneNumber', pattern: BLOCKED_PHONE }] : []),
  };
}

const nameOf = ({ kind, value }: Identifier): string => `${kind}:${value}`;
const kindOf = (name: string): string => name.slice(0, name.indexOf(':'));

/** Whether these counts together, and what is added, are more than a limit and more than each of them. */
function isMore(limit: number, counts: readonly number[], added: number): boolean {
  const total = counts.reduce((a, b) => a + b, added);
  return total > limit && counts.every((count) => total > count);
}

/** People, who take sightings by the words of the design: leave out what is blocked, then the weakest until it fits. */
class People {
  limits: Limits = {
    maxContacts: 1_000,
    oneCustomer: false,
    maxEmails: null,
    maxPhones: null,
    isBlocking: false,
  };
  readonly rules: (readonly [string, string])[] = [];
  readonly reviews = new Set<string>();
  people: Person[] = [];

  valuesOf({ contacts }: Person): Set<string> {
    return new Set([...contacts.values()].flat());
  }

  holding(name: string): Person | undefined {
    return this.people.find((person) => this.valuesOf(person).has(name));
  }

  /** What is left out, by kind, and whether all is. */
  take(names: readonly string[], id: number): { ignored: string[]; isBlocked: boolean; isInserted: boolean } {
    const isBlocked = (name: string): boolean =>
      this.limits.isBlocking && name === `phoneNumber:${BLOCKED_PHONE}`;
    const ignored = names.filter(isBlocked).map((name) => `${kindOf(name)} blocked`);
    const left = names.filter((name) => !isBlocked(name));
    if (left.length === 0) {
      return { ignored, isBlocked: true, isInserted: false };
    }
    const withheld: [string, string][] = [];
    for (let why = this.whyNot(left); left.length > 1 && why !== null; why = this.whyNot(left)) {
      withheld.unshift([left.pop()!, why]);
    }
    const isInserted = this.accept(left, id);
    for (const [name, why] of withheld) {
      ignored.push(`${kindOf(name)} ${why}`);
      this.ask(left[0]!, name);
    }
    return { ignored, isBlocked: false, isInserted };
  }

  private ask(one: string, other: string): void {
    const holder = this.holding(one);
    const isTogether = holder !== undefined && holder === this.holding(other);
    const isRuled = this.rules.some((rule) => rule.includes(one) && rule.includes(other));
    if (!isTogether && !isRuled) {
      this.reviews.add([one, other].toSorted().join(' '));
    }
  }

  private whyNot(names: readonly string[]): string | null {
    const parts = [...new Set(names.map((name) => this.holding(name)))].filter((part) => part !== undefined);
    const news = names.filter((name) => this.holding(name) === undefined);
    const after = new Set([...parts.flatMap((part) => [...this.valuesOf(part)]), ...names]);
    if (this.rules.some(([one, other]) => after.has(one) && after.has(other))) {
      return 'do-not-link';
    }
    return this.isTooLarge(parts, news) ? 'limit' : null;
  }

  isTooLarge(parts: readonly Person[], news: readonly string[]): boolean {
    const { maxContacts, oneCustomer, maxEmails, maxPhones } = this.limits;
    const limits = [oneCustomer ? 1 : Infinity, maxEmails ?? Infinity, maxPhones ?? Infinity];
    return (
      isMore(
        maxContacts,
        parts.map(({ contacts }) => contacts.size),
        news.length > 0 ? 1 : 0,
      ) ||
      KINDS_BY_STRENGTH.some((kind, i) =>
        isMore(
          limits[i]!,
          parts.map((part) => [...this.valuesOf(part)].filter((name) => kindOf(name) === kind).length),
          news.filter((name) => kindOf(name) === kind).length,
        ),
      )
    );
  }

  private accept(names: readonly string[], id: number): boolean {
    const parts = [...new Set(names.map((name) => this.holding(name)))].filter((part) => part !== undefined);
    const isNews = names.some((name) => this.holding(name) === undefined);
    this.unite(parts);
    if (isNews) {
      const person = parts.length > 0 ? this.holding(names.find((name) => this.holding(name))!)! : this.add();
      person.contacts.set(id, names);
    }
    return isNews;
  }

  private add(): Person {
    const person = { contacts: new Map<number, readonly string[]>() };
    this.people.push(person);
    return person;
  }

  unite(parts: readonly Person[]): void {
    const all = { contacts: new Map(parts.flatMap(({ contacts }) => [...contacts])) };
    this.people = [
      ...this.people.filter((person) => !parts.includes(person)),
      ...(parts.length > 0 ? [all] : []),
    ];
  }

  lift(names: readonly string[]): void {
    const at = this.rules.findIndex((rule) => names.every((name) => rule.includes(name)));
    this.rules.splice(at, 1);
  }

  delete(id: number): void {
    this.people.forEach(({ contacts }) => contacts.delete(id));
    this.people = this.people.filter(({ contacts }) => contacts.size > 0);
  }

  shown(): string[][] {
    return this.people
      .map((person) => [`${person.contacts.size}`, ...[...this.valuesOf(person)].toSorted()])
      .toSorted((a, b) => (a[1]! < b[1]! ? -1 : 1));
  }
}

/** The same of what is stored. */
function shownOf(store: MemoryStore): string[][] {
  const live = store.rows.filter(({ isDeleted }) => !isDeleted);
  return [...Map.groupBy(live, ({ id, linkedId }) => linkedId ?? id).values()]
    .map((rows) => [
      `${rows.length}`,
      ...[...new Set(rows.flatMap(({ identifiers }) => identifiers.map(nameOf)))].toSorted(),
    ])
    .toSorted((a, b) => (a[1]! < b[1]! ? -1 : 1));
}

const seen = { blocked: 0, limit: 0, rule: 0, refused: 0, reviews: 0, known: 0, exceeded: 0, forced: 0 };

/** The core with its store on one side, the people on the other. */
class History {
  readonly people = new People();
  private store = new MemoryStore().withPolicy(policyOf(this.people.limits));

  identify(sightings: readonly Record<string, string | null>[]): void {
    const { kinds } = this.store.policy;
    const given = sightings.map((values): Sighting => ({ identifiers: kinds.identifiersOf(values) }));
    const batch = given.map((sighting) => admit(this.store.policy, sighting));
    const { answers, outcomes, writes } = reconcile(this.store.load(batch), batch);
    let nextId = this.store.rows.length + 1;
    const expected = given.map(({ identifiers }) => {
      const { ignored, isBlocked, isInserted } = this.people.take(identifiers.map(nameOf), nextId);
      nextId += isInserted ? 1 : 0;
      return { ignored, isBlocked };
    });
    const told = answers.map(({ view }, i) => ({
      ignored: (view?.ignored ?? batch[i]!.leftOut ?? []).map(({ kind, reason }) => `${kind} ${reason}`),
      isBlocked: outcomes[i] === 'blocked',
    }));
    expect(told).toEqual(expected);
    const reviewIds = writes.reviews.map((_, i) => this.store.reviews.length + i + 1);
    const ids = this.write(writes);
    expect(shownOf(this.store)).toEqual(this.people.shown());
    expect(this.store.reviews).toHaveLength(this.people.reviews.size);
    const ignored = answers.map(({ view }) => (view && withRealIds(view, ids, reviewIds).ignored) ?? null);
    this.repeat(batch.at(-1)!, ignored.at(-1)!);
    this.count(told, ignored);
    seen.reviews += writes.reviews.length;
  }

  /** The last sighting once more: nothing is written, and the same is told. */
  private repeat(sighting: Sighting, ignored: readonly Ignored[] | null): void {
    const { writes, answers } = reconcile(this.store.load([sighting]), [sighting]);
    expect(writes).toEqual(NO_WRITES);
    expect(answers[0]!.view?.ignored ?? null).toEqual(ignored);
  }

  private count(
    told: readonly { ignored: readonly string[]; isBlocked: boolean }[],
    ignored: readonly (readonly Ignored[] | null)[],
  ): void {
    const reasons = told.flatMap((each) => each.ignored);
    seen.blocked += reasons.filter((reason) => reason.endsWith('blocked')).length;
    seen.limit += reasons.filter((reason) => reason.endsWith('limit')).length;
    seen.rule += reasons.filter((reason) => reason.endsWith('do-not-link')).length;
    seen.refused += told.filter(({ isBlocked }) => isBlocked).length;
    seen.known += ignored
      .flatMap((each) => each ?? [])
      .filter(({ reviewId }) => reviewId !== undefined).length;
  }

  rule(email: string, phoneNumber: string): void {
    const pair = [
      { kind: 'email', value: email },
      { kind: 'phoneNumber', value: phoneNumber },
    ] as const;
    const ends = pair.map((identifier) => ({ identifiers: [identifier] }));
    const { outcome, writes } = makeRule(this.store.load(ends), pair);
    if (outcome === 'made') {
      this.people.rules.push([nameOf(pair[0]), nameOf(pair[1])]);
      this.write(writes);
    }
  }

  delete(share: number): void {
    const row = pick(this.live(), share);
    if (row !== undefined) {
      this.write(remove(this.store.identityOf(row.id), row.id, this.store.rules));
      this.people.delete(row.id);
    }
  }

  merge(shares: readonly number[], isForced: boolean): void {
    const { people, store } = this;
    const ids = [...new Set(shares.flatMap((share) => pick(this.live(), share)?.id ?? []))];
    const parts = [...new Set(ids.map((id) => people.people.find(({ contacts }) => contacts.has(id))!))];
    if (parts.length < 2) {
      return;
    }
    const identities = ids.map((id) => store.identityOf(id));
    const snapshot = { ...store.load([]), rules: store.rules, identities };
    const { writes, forbiddenBy, exceeds } = mergeByHand(snapshot, ids, isForced);
    const isTooLarge = people.isTooLarge(parts, []);
    expect(exceeds !== null).toBe(!isForced && isTooLarge);
    seen.exceeded += exceeds === null ? 0 : 1;
    if (forbiddenBy.length === 0 && exceeds === null) {
      seen.forced += isTooLarge ? 1 : 0;
      writes.liftedRules.forEach(({ identifiers }) => people.lift(identifiers.map(nameOf)));
      this.write(writes);
      people.unite(parts);
      expect(shownOf(this.store)).toEqual(people.shown());
    }
  }

  limit(limits: Limits): void {
    this.people.limits = limits;
    this.store = this.store.withPolicy(policyOf(limits));
  }

  private live(): StoredRow[] {
    return this.store.rows.filter(({ isDeleted }) => !isDeleted);
  }

  private write(writes: Writes): number[] {
    const ids = writes.newcomers.map((_, i) => this.store.rows.length + i + 1);
    this.store = this.store.apply(writes, ids, this.store.rows.length);
    return ids;
  }
}

test('random sightings under changing policies leave out what the words of the design say, and the same when repeated', () => {
  fc.assert(
    fc.property(fc.array(aStep, { minLength: 8, maxLength: 40, size: 'max' }), (steps) => {
      const history = new History();
      for (const step of steps) {
        if ('limits' in step) {
          history.limit(step.limits);
        } else if ('batch' in step) {
          history.identify(step.batch);
        } else if ('rule' in step) {
          history.rule(...step.rule);
        } else if ('deleteAt' in step) {
          history.delete(step.deleteAt);
        } else {
          history.merge(step.mergeAt, step.isForced);
        }
      }
    }),
    { seed, numRuns: 400 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
});

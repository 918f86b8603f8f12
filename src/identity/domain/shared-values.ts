import { carries, type Identifier } from './contact.js';
import { missingEvidence } from './evidence.js';
import { mergesWithin, type RecordedIdentity, type RecordedMerge } from './explain.js';
import { IdentifierMap } from './identifier-map.js';
import type { Kinds } from './kinds.js';
import type { RecordedContact } from './past.js';
import { isSame } from './rules.js';
import { restsOn } from './take-out.js';

/** A value of an identity, and how much rests on it. Both forms of a number are one value, told as the first contact has it. */
export interface SharedValue extends Identifier {
  /** Live contacts that carry it. */
  readonly contacts: number;
  /** Merges in force that would not have happened without it. */
  readonly merges: number;
  /** Identities into which this one would fall without it, as `takeOut()` decides. */
  readonly identities: number;
}

/**
 * The values that hold an identity together: that at least two live contacts carry, or on which other evidence rests. Of each
 * it tells into how many identities this one would fall if the value were taken out. That with the most identities comes first,
 * then that with the most contacts.
 *
 * Pure: nothing passed in is modified. The time grows a little faster than the number of contacts: each edge of evidence is
 * looked at as often as the number of values can be halved.
 *
 * @param merges all merges that have one of its contacts as an end
 */
export function sharedValues(
  identity: RecordedIdentity,
  merges: readonly RecordedMerge[],
  kinds: Kinds,
): SharedValue[] {
  const evidence = weigh(identity, merges, kinds);
  const binding = [...evidence.supports.items()].filter(({ edges }) => edges.length > 0);
  const parts = new Parts(evidence.isLive);
  evidence.lasting.forEach((edge) => parts.join(edge));
  const counts = new Map<Support, number>();
  countWithout(binding, parts, counts);
  return binding
    .map((support) => ({
      kind: support.kind,
      value: support.value,
      contacts: support.carriers.length,
      merges: support.merges,
      identities: counts.get(support)!,
    }))
    .toSorted(byWeight);
}

/** What rests on a value that a live contact carries. Contacts are named by their places. */
interface Support extends Identifier {
  /** Live contacts. */
  readonly carriers: number[];
  /** Those that carry nothing else: without the value they are deleted. */
  readonly emptied: number[];
  readonly edges: Edge[];
  merges: number;
}

/** Two places that are connected. */
type Edge = readonly [number, number];

interface Weighed {
  readonly supports: IdentifierMap<Support>;
  /** Edges that no single value can cut. */
  readonly lasting: readonly Edge[];
  /** By place. Those after the contacts stand between the ends of merges, and are not live. */
  readonly isLive: readonly boolean[];
}

/** Sorts the evidence by the value on which it rests. */
function weigh(
  { primaryId, contacts }: RecordedIdentity,
  merges: readonly RecordedMerge[],
  kinds: Kinds,
): Weighed {
  const places = new Map(contacts.map(({ id }, place) => [id, place]));
  const byId = new Map(contacts.map((contact) => [contact.id, contact]));
  const isLive = contacts.map(({ isDeleted }) => !isDeleted);
  const supports = new IdentifierMap<Support>();
  const lasting: Edge[] = [];
  contacts.forEach((contact, place) => enter(supports, contact, place, kinds));
  const inForce = mergesWithin(byId, merges);
  const missing = missingEvidence(primaryId, contacts, inForce);
  for (const contact of contacts) {
    const joined = byId.get(missing.get(contact.id) ?? contact.joinedId ?? 0);
    if (joined !== undefined) {
      const common = contact.identifiers.filter((each) => carriesForm(joined, each, kinds));
      const edge: Edge = [places.get(contact.id)!, places.get(joined.id)!];
      ((common.length === 1 && supportOf(supports, common[0]!, kinds)?.edges) || lasting).push(edge);
    }
  }
  for (const merge of inForce) {
    const needed = merge.identifiers.flatMap((identifier) => {
      const found = supportOf(supports, identifier, kinds);
      const isTaken = (each: Identifier): boolean =>
        kinds.withOtherForms([identifier]).some((form) => isSame(form, each));
      return found !== undefined && restsOn(merge, byId, isTaken) ? [found] : [];
    });
    // Without one of the values it is cut, so it is as many edges in a row.
    let from = places.get(merge.leftId)!;
    needed.forEach((each, i) => {
      const to = i === needed.length - 1 ? places.get(merge.rightId)! : isLive.push(false) - 1;
      each.edges.push([from, to]);
      each.merges++;
      from = to;
    });
    if (needed.length === 0) {
      lasting.push([from, places.get(merge.rightId)!]);
    }
  }
  return { supports, lasting, isLive };
}

function carriesForm(contact: RecordedContact, identifier: Identifier, kinds: Kinds): boolean {
  return kinds.withOtherForms([identifier]).some((form) => carries(contact, form));
}

/** What rests on a value, in whichever form a contact had it first. */
function supportOf(
  supports: IdentifierMap<Support>,
  identifier: Identifier,
  kinds: Kinds,
): Support | undefined {
  const form = kinds.otherForm(identifier);
  return supports.get(identifier) ?? (form === null ? undefined : supports.get(form));
}

/** Enters the values of a contact. All live carriers of a value are connected by it. */
function enter(
  supports: IdentifierMap<Support>,
  { identifiers, isDeleted }: RecordedContact,
  place: number,
  kinds: Kinds,
): void {
  for (const identifier of isDeleted ? [] : identifiers) {
    let known = supportOf(supports, identifier, kinds);
    if (known === undefined) {
      const { kind, value } = identifier;
      known = { kind, value, carriers: [], emptied: [], edges: [], merges: 0 };
      supports.set(identifier, known);
    }
    const before = known.carriers.at(-1);
    if (before !== undefined) {
      known.edges.push([before, place]);
    }
    known.carriers.push(place);
    if (identifiers.length === 1) {
      known.emptied.push(place);
    }
  }
}

/**
 * Counts the parts without each of the values, with the edges of all others. It joins the edges of the one half of the values
 * and goes on with the other half, so that edges are joined for many values at once.
 */
function countWithout(supports: readonly Support[], parts: Parts, counts: Map<Support, number>): void {
  const [only] = supports;
  if (only === undefined) {
    return;
  }
  if (supports.length === 1) {
    counts.set(only, parts.countWithout(only.emptied));
    return;
  }
  const middle = Math.ceil(supports.length / 2);
  const [left, right] = [supports.slice(0, middle), supports.slice(middle)];
  for (const [kept, open] of [
    [left, right],
    [right, left],
  ] as const) {
    const mark = parts.mark;
    kept.forEach(({ edges }) => edges.forEach((edge) => parts.join(edge)));
    countWithout(open, parts, counts);
    parts.backTo(mark);
  }
}

/** What is connected. Joins can be taken back, the last one first. */
class Parts {
  private readonly parents: Int32Array;
  private readonly sizes: Int32Array;
  /** By root: live contacts. */
  private readonly live: Int32Array;
  /** The roots that were hung under another, in order. */
  private readonly joined: number[] = [];
  /** Parts with live contacts. */
  private count: number;

  constructor(isLive: readonly boolean[]) {
    this.parents = Int32Array.from(isLive, (_, place) => place);
    this.sizes = new Int32Array(isLive.length).fill(1);
    this.live = Int32Array.from(isLive, Number);
    this.count = isLive.filter(Boolean).length;
  }

  /** For {@link backTo}. */
  get mark(): number {
    return this.joined.length;
  }

  join([one, other]: Edge): void {
    const [a, b] = [this.rootOf(one), this.rootOf(other)];
    if (a === b) {
      return;
    }
    const [small, large] = this.sizes[a]! < this.sizes[b]! ? [a, b] : [b, a];
    this.count -= Number(this.live[small]! > 0 && this.live[large]! > 0);
    this.parents[small] = large;
    this.sizes[large]! += this.sizes[small]!;
    this.live[large]! += this.live[small]!;
    this.joined.push(small);
  }

  backTo(mark: number): void {
    while (this.joined.length > mark) {
      const small = this.joined.pop()!;
      const large = this.parents[small]!;
      this.parents[small] = small;
      this.sizes[large]! -= this.sizes[small]!;
      this.live[large]! -= this.live[small]!;
      this.count += Number(this.live[small]! > 0 && this.live[large]! > 0);
    }
  }

  /** The parts with live contacts if these contacts were deleted. */
  countWithout(places: readonly number[]): number {
    const lost = new Map<number, number>();
    for (const place of places) {
      const root = this.rootOf(place);
      lost.set(root, (lost.get(root) ?? 0) + 1);
    }
    return this.count - [...lost].filter(([root, contacts]) => this.live[root] === contacts).length;
  }

  /** Without shortening the paths, which could not be taken back. Joining by size keeps them short. */
  private rootOf(place: number): number {
    let at = place;
    while (this.parents[at] !== at) {
      at = this.parents[at]!;
    }
    return at;
  }
}

function byWeight(a: SharedValue, b: SharedValue): number {
  return (
    b.identities - a.identities ||
    b.contacts - a.contacts ||
    compare(a.kind, b.kind) ||
    compare(a.value, b.value)
  );
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

import { byAge, type Contact } from './contact.js';
import { IdentifierMap } from './identifier-map.js';

/** A contact and what it attached to. */
export interface EvidentContact extends Contact {
  /** The contact that it attached to; null: it started a tree of evidence, or this was not recorded. */
  readonly joinedId: number | null;
}

/** Two contacts that a merge joined. */
export interface MergeEdge {
  readonly leftId: number;
  readonly rightId: number;
}

/**
 * Reconstructs what a contact attached to, if it was written before that was recorded: the oldest other row that shares a
 * value with it, otherwise the primary. Then the evidence of an identity is a tree again.
 *
 * Adds only missing edges, and none that would close a cycle. Rows that started a tree, if a merge joined that tree to the
 * rest, stay as they are.
 *
 * Pure and deterministic: the order of the rows does not matter.
 *
 * @param rows all rows of one identity, deleted ones too
 * @param merges the merges within it that are in force
 * @returns by contact, the contact that it is assumed to have attached to; empty if the evidence is complete
 */
export function missingEvidence(
  primaryId: number,
  rows: readonly EvidentContact[],
  merges: readonly MergeEdge[],
): Map<number, number> {
  const trees = new Trees();
  const ids = new Set(rows.map(({ id }) => id));
  let joints = 0;
  for (const [one, other] of recordedEdges(rows, merges)) {
    joints += trees.join(one, other) && ids.has(one) && ids.has(other) ? 1 : 0;
  }
  const missing = new Map<number, number>();
  if (joints === rows.length - 1) {
    return missing;
  }
  const attach = (id: number, joinedId: number): void => {
    if (trees.join(id, joinedId)) {
      missing.set(id, joinedId);
    }
  };
  const byArrival = rows.toSorted(byAge);
  const carriers = carriersOf(byArrival);
  const beginners = byArrival.filter(({ id, joinedId }) => joinedId === null && id !== primaryId);
  // Older rows first: most rows attached to an older one.
  for (const isOlderOnly of [true, false]) {
    for (const row of beginners.filter(({ id }) => !missing.has(id))) {
      const akin = row.identifiers
        .flatMap((identifier) => firstApart(trees, carriers.get(identifier)!, row.id) ?? [])
        .toSorted(byAge)[0];
      if (akin !== undefined && !(isOlderOnly && byAge(row, akin) < 0)) {
        attach(row.id, akin.id);
      }
    }
  }
  beginners.filter(({ id }) => !missing.has(id)).forEach(({ id }) => attach(id, primaryId));
  return missing;
}

function recordedEdges(
  rows: readonly EvidentContact[],
  merges: readonly MergeEdge[],
): (readonly [number, number])[] {
  const attached = rows.flatMap(({ id, joinedId }) => (joinedId === null ? [] : [[id, joinedId] as const]));
  return [...attached, ...merges.map(({ leftId, rightId }) => [leftId, rightId] as const)];
}

/** The rows that carry an identifier, by age. */
interface Carriers {
  readonly rows: Contact[];
  /** Those before this place are in the tree of the first one, which they never leave. */
  apart: number;
}

/**
 * The first of the carriers that is not in the tree of a contact.
 *
 * Looks at no carrier twice in vain: thousands may carry one number, and looking through all of them for each of them would
 * take the square of that.
 */
function firstApart(trees: Trees, carriers: Carriers, contactId: number): Contact | undefined {
  const { rows } = carriers;
  const [first] = rows;
  if (first === undefined || !trees.areJoined(first.id, contactId)) {
    return first;
  }
  while (carriers.apart < rows.length && trees.areJoined(first.id, rows[carriers.apart]!.id)) {
    carriers.apart++;
  }
  return rows[carriers.apart];
}

/** The rows that carry each identifier, in the order given. */
function carriersOf(rows: readonly Contact[]): IdentifierMap<Carriers> {
  const carriers = new IdentifierMap<Carriers>();
  for (const row of rows) {
    for (const identifier of row.identifiers) {
      const known = carriers.get(identifier);
      if (known === undefined) {
        carriers.set(identifier, { rows: [row], apart: 1 });
      } else {
        known.rows.push(row);
      }
    }
  }
  return carriers;
}

/** Which contacts are connected, directly or not. */
export class Trees {
  private readonly parents = new Map<number, number>();

  /** Whether two contacts are connected. */
  areJoined(one: number, other: number): boolean {
    return this.treeOf(one) === this.treeOf(other);
  }

  /** Joins two trees. Returns whether they were two. */
  join(one: number, other: number): boolean {
    const [a, b] = [this.treeOf(one), this.treeOf(other)];
    if (a !== b) {
      this.parents.set(a, b);
    }
    return a !== b;
  }

  /** One contact of those that are connected with this one, the same for all of them. */
  treeOf(id: number): number {
    let at = id;
    for (let next = this.parents.get(at); next !== undefined; next = this.parents.get(at)) {
      // shortens the path for the next search
      const beyond = this.parents.get(next);
      if (beyond !== undefined) {
        this.parents.set(at, beyond);
      }
      at = next;
    }
    return at;
  }
}

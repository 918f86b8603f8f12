import { liveContacts, viewOf } from '../../../src/identity/domain/contact.js';
import type {
  Claim,
  Contact,
  Identity,
  IdentityView,
  Sighting,
} from '../../../src/identity/domain/contact.js';
import { realId } from '../../../src/identity/domain/writes.js';
import type { Deletion, Merge, Writes } from '../../../src/identity/domain/writes.js';
import { deepFreeze } from './people.js';

export interface Row extends Contact {
  readonly linkedId: number | null;
}

/** What the database would answer to a write that rests on what has changed meanwhile. */
export class Conflict extends Error {}

/**
 * The three tables in memory, with the checks of the database and the invariants of the design.
 *
 * A write that breaks one throws and changes nothing.
 */
export class MemoryStore {
  constructor(
    readonly rows: readonly Row[] = [],
    readonly claims: readonly Claim[] = [],
    readonly merges: readonly Merge[] = [],
  ) {}

  /** Every identity that a claim leads to; youngest rows first, since the order means nothing. */
  load(sightings: readonly Sighting[]): Identity[] {
    const claimed = this.claims.filter(({ kind, value }) =>
      sightings.some(({ email, phoneNumber }) => value === (kind === 'email' ? email : phoneNumber)),
    );
    const primaryIds = new Set(claimed.map(({ contactId }) => this.primaryIdOf(contactId)));
    return [...primaryIds].toReversed().map((primaryId) => this.identity(primaryId));
  }

  identityOf(contactId: number): Identity {
    return this.identity(this.primaryIdOf(contactId));
  }

  find(contactId: number): IdentityView | null {
    return this.row(contactId).isDeleted ? null : viewOf(liveContacts(this.identityOf(contactId)));
  }

  /** The identifiers that live together, by the claims: `email:…` and `phone:…`, sorted. */
  partition(): string[][] {
    const groups = Map.groupBy(this.claims, ({ contactId }) => this.primaryIdOf(contactId));
    return [...groups.values()]
      .map((claims) => claims.map(({ kind, value }) => `${kind}:${value}`).toSorted())
      .toSorted((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
  }

  /**
   * The store after a write.
   *
   * @param freshIds at least one a newcomer, ascending
   * @param clock may stand still or go back; newcomers get a later time if they must be younger
   */
  apply(writes: Writes, freshIds: readonly number[], clock: number): MemoryStore {
    const real = (id: number) => realId(id, freshIds);
    const now = Math.max(clock, writes.youngestTouched + 1);
    const inserted = writes.newcomers.map(({ id, email, phoneNumber, linkedId, createdAt = now }) => {
      const link = linkedId === null ? null : real(linkedId);
      return { id: real(id), email, phoneNumber, linkedId: link, createdAt, version: 1, isDeleted: false };
    });
    const movedClaims = writes.movedClaims.map((claim) => ({ ...claim, contactId: real(claim.contactId) }));
    const next = new MemoryStore(
      [...this.deleted(writes.deletion, this.relinked(writes, real)), ...inserted],
      [
        ...this.keptClaims(movedClaims, writes.deletion),
        ...writes.claims.map((claim) => ({ ...claim, contactId: real(claim.contactId) })),
      ],
      [
        ...this.merges,
        ...writes.merges.map((merge) => ({
          ...merge,
          survivorId: real(merge.survivorId),
          mergedId: real(merge.mergedId),
        })),
      ],
    );
    next.check();
    for (const newcomer of inserted.filter((_, index) => writes.newcomers[index]?.createdAt === undefined)) {
      const elders = next
        .identityOf(newcomer.id)
        .rows.filter(({ id }) => this.rows.some((row) => row.id === id));
      ensure(
        elders.every((elder) => elder.createdAt < newcomer.createdAt),
        `newcomer ${newcomer.id} is not junior to what it joins`,
      );
    }
    return next;
  }

  private identity(primaryId: number): Identity {
    const rows = this.rows.filter(({ id, linkedId }) => (linkedId ?? id) === primaryId);
    return deepFreeze({ primaryId, rows: rows.toReversed().map(withoutLink) });
  }

  private primaryIdOf(contactId: number): number {
    return this.row(contactId).linkedId ?? contactId;
  }

  private row(id: number): Row {
    const row = this.rows.find((each) => each.id === id);
    if (row === undefined) {
      throw new Error(`foreign key: there is no contact ${id}`);
    }
    return row;
  }

  private relinked({ touched }: Writes, real: (id: number) => number): Row[] {
    ensure(new Set(touched.map(({ id }) => id)).size === touched.length, 'a row is touched twice');
    for (const { id, version } of touched) {
      if (this.row(id).version !== version) {
        throw new Conflict(`contact ${id} is no longer at version ${version}`);
      }
    }
    return this.rows.map((row) => {
      const touch = touched.find(({ id }) => id === row.id);
      if (touch === undefined) {
        return row;
      }
      const linkedId = touch.linkedId === null ? null : real(touch.linkedId);
      ensure((touch.createdAt ?? 0) < row.createdAt, `contact ${row.id} is given a later date`);
      return { ...row, version: row.version + 1, linkedId, createdAt: touch.createdAt ?? row.createdAt };
    });
  }

  private deleted(deletion: Deletion | null, rows: readonly Row[]): Row[] {
    ensure(deletion === null || !this.row(deletion.contactId).isDeleted, 'the contact is deleted already');
    return rows.map((row) => (row.id === deletion?.contactId ? { ...row, isDeleted: true } : row));
  }

  private keptClaims(movedClaims: readonly Claim[], deletion: Deletion | null): Claim[] {
    const leaving = [...movedClaims, ...(deletion?.freedClaims ?? [])];
    for (const { kind, value } of leaving) {
      const claim = this.claims.find((each) => each.kind === kind && each.value === value);
      ensure(claim !== undefined, `${kind} ${value} is not claimed`);
      ensure(
        deletion === null || claim?.contactId === deletion.contactId,
        `${kind} ${value} is not claimed by what is deleted`,
      );
    }
    const staying = this.claims.filter((claim) => !leaving.some((each) => isSameValue(each, claim)));
    return [...staying, ...movedClaims];
  }

  private check(): void {
    ensure(new Set(this.rows.map(({ id }) => id)).size === this.rows.length, 'primary key of contacts');
    for (const claim of this.claims) {
      if (this.claims.some((each) => each !== claim && isSameValue(each, claim))) {
        throw new Conflict(`primary key of identifiers: ${claim.kind} ${claim.value}`);
      }
    }
    for (const row of this.rows) {
      this.checkRow(row);
    }
    for (const { kind, value, contactId } of this.claims) {
      const { rows } = this.identityOf(contactId);
      const first = liveAndOldestFirst(rows).find((row) => carries(row, kind, value));
      ensure(first?.id === contactId, `the claim on ${value} does not name the oldest live carrier`);
    }
    for (const { survivorId, mergedId } of this.merges) {
      ensure(this.row(survivorId) !== this.row(mergedId), 'a contact merged with itself');
    }
  }

  private checkRow({ id, email, phoneNumber, linkedId, isDeleted }: Row): void {
    ensure(email !== null || phoneNumber !== null, `contact ${id} has no identifier`);
    ensure(linkedId === null || this.row(linkedId).linkedId === null, `contact ${id} links to a secondary`);
    ensure(linkedId !== id, `contact ${id} links to itself`);
    if (isDeleted) {
      return;
    }
    const primaryId = linkedId ?? id;
    const { rows } = this.identityOf(id);
    ensure(
      liveAndOldestFirst(rows)[0]?.id === primaryId,
      `primary ${primaryId} is not the oldest of its identity`,
    );
    for (const [kind, value] of [['email', email] as const, ['phone', phoneNumber] as const]) {
      const claim = this.claims.find((each) => each.kind === kind && each.value === value);
      const isHere = claim !== undefined && this.primaryIdOf(claim.contactId) === primaryId;
      ensure(value === null || isHere, `${kind} ${value} of contact ${id} is not claimed in its identity`);
    }
  }
}

function ensure(holds: boolean, problem: string): void {
  if (!holds) {
    throw new Error(problem);
  }
}

function withoutLink({ id, email, phoneNumber, createdAt, version, isDeleted }: Row): Contact {
  return { id, email, phoneNumber, createdAt, version, isDeleted };
}

function isSameValue(a: Pick<Claim, 'kind' | 'value'>, b: Pick<Claim, 'kind' | 'value'>): boolean {
  return a.kind === b.kind && a.value === b.value;
}

function carries(row: Contact, kind: Claim['kind'], value: string): boolean {
  return value === (kind === 'email' ? row.email : row.phoneNumber);
}

function liveAndOldestFirst(rows: readonly Contact[]): Contact[] {
  return rows
    .filter(({ isDeleted }) => !isDeleted)
    .toSorted((a, b) => a.createdAt - b.createdAt || a.id - b.id);
}

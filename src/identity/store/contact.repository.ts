import { EntityRepository } from '@mikro-orm/postgresql';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row, SqlSession, Transaction } from '../../database/session/sql-session.js';
import type { ConflictCause } from '../identity.metrics.js';
import { Conflict } from '../identity.errors.js';
import * as sql from './contact.statements.js';
import type { Claim, Contact as ContactRow, Identity, IdentifierKind, Sighting } from '../domain/contact.js';
import { realId, type Merge, type Newcomer, type TouchedRow, type Writes } from '../domain/writes.js';
import type { Contact } from './entities/contact.js';

const KIND: Record<IdentifierKind, number> = { email: 0, phone: 1 };

/** Which identities to read: those that share an identifier with the sightings, or that of one live contact. */
export type Selection =
  | { readonly tenantId: number; readonly sightings: readonly Sighting[] }
  | { readonly tenantId: number; readonly contactId: number };

/** Every access to contacts and their identifiers goes through here; its statements are in the file beside it. */
export class ContactRepository extends EntityRepository<Contact> {
  /** Told why a decision could not be written, each time. */
  onConflict: (cause: ConflictCause) => void = () => undefined;
  private session: Promise<SqlSession> | null = null;

  /**
   * Reads the selected identities, each with all its rows, from one snapshot. Unknown or deleted: not among them.
   *
   * @param known identities as they were read before: those that are unchanged are returned as they are, and only their
   *   primary is read
   */
  async load(selection: Selection, known: readonly Identity[] = []): Promise<Identity[]> {
    const session = await this.open();
    return identitiesOf(await session.query(selectionQuery(selection, known), selection.tenantId), known);
  }

  /**
   * Writes a decision, unless a row that it rests on has changed since it was read or is held by another, or an identifier
   * was claimed by another.
   *
   * @returns the ids of the newcomers in order, or a conflict: nothing was written, load and decide again
   */
  async apply(tenantId: number, writes: Writes): Promise<number[] | Conflict> {
    const session = await this.open();
    return this.unlessConflict(() =>
      session.transaction(async (transaction) => {
        const { touched, newcomers } = writes;
        const draw: Query = [sql.DRAW, newcomers.length];
        if (touched.length === 0) {
          const [drawnAtOnce] = await transaction.send(draw);
          return commit(transaction, tenantId, writes, drawnAtOnce);
        }
        const ids = touched.map(({ id }) => id);
        const versions = touched.map(({ version }) => version);
        const [locked = [], drawn] = await transaction.send(
          [sql.LOCK_UNCHANGED, tenantId, ids, versions],
          draw,
        );
        return locked.length < ids.length
          ? new Conflict('changed', without(ids, locked))
          : commit(transaction, tenantId, writes, drawn);
      }, tenantId),
    );
  }

  /**
   * As `apply`, but locks rows first and decides on what it reads under the locks: the way out for a decision that
   * has lost several races.
   *
   * Who holds the primary of an identity holds the whole of it, since nobody adds to it, merges or deletes from it
   * without that lock. So it gets its turn even if the identity grew while it waited. Rows that came in since may be held
   * by others that wait for the primary: they are not waited for, which could be a circle.
   *
   * @param lockIds the rows that earlier decisions rested on; if the new one rests on another identity, or on a row that
   *   another holds, that is a conflict
   * @param known as in `load`
   */
  async applyLocked(
    selection: Selection,
    lockIds: readonly number[],
    decide: (identities: readonly Identity[]) => Writes,
    known: readonly Identity[] = [],
  ): Promise<number[] | Conflict> {
    const { tenantId } = selection;
    const session = await this.open();
    return this.unlessConflict(() =>
      session.transaction(async (transaction) => {
        const [, rows = []] = await transaction.send(
          [sql.LOCK, tenantId, lockIds],
          selectionQuery(selection, known),
        );
        const identities = identitiesOf(rows, known);
        const writes = decide(identities);
        const locked = new Set(lockIds);
        if (!isHeld(identities, writes, locked)) {
          return new Conflict('not_held');
        }
        const late = writes.touched.map(({ id }) => id).filter((id) => !locked.has(id));
        const [held = [], drawn] = await transaction.send(
          [sql.LOCK_FREE, tenantId, late],
          [sql.DRAW, writes.newcomers.length],
        );
        return held.length < late.length
          ? new Conflict('not_held')
          : commit(transaction, tenantId, writes, drawn);
      }, tenantId),
    );
  }

  /** Runs `work`; a conflict also if it lost a race to a claim on the same identifier, or as the victim of a deadlock. */
  private async unlessConflict(work: () => Promise<number[] | Conflict>): Promise<number[] | Conflict> {
    const outcome = await work().catch((error: unknown) => {
      const cause = conflictOf(error);
      if (cause === null) {
        throw error;
      }
      return new Conflict(cause);
    });
    if (outcome instanceof Conflict) {
      this.onConflict(outcome.cause);
    }
    return outcome;
  }

  private open(): Promise<SqlSession> {
    this.session ??= openSession(this.getEntityManager());
    return this.session;
  }
}

function without(ids: readonly number[], rows: readonly Row[]): number[] {
  const found = new Set(rows.map(({ id }) => Number(id)));
  return ids.filter((id) => !found.has(id));
}

function selectionQuery(selection: Selection, known: readonly Identity[]): Query {
  const ids = known.map(({ primaryId }) => primaryId);
  const versions = known.map(versionOf);
  if ('contactId' in selection) {
    return [sql.LOAD_BY_CONTACT, selection.tenantId, selection.contactId, ids, versions];
  }
  return [sql.LOAD, selection.tenantId, ...identifiersOf(selection.sightings), ids, versions];
}

/** Kinds and values of all identifiers, each once: the parameters that statements look identities up by. */
export function identifiersOf(sightings: readonly Sighting[]): [kinds: number[], values: string[]] {
  const emails = new Set(sightings.flatMap(({ email }) => email ?? []));
  const phoneNumbers = new Set(sightings.flatMap(({ phoneNumber }) => phoneNumber ?? []));
  const kinds = [...emails].map(() => KIND.email).concat([...phoneNumbers].map(() => KIND.phone));
  return [kinds, [...emails, ...phoneNumbers]];
}

/** The version of the primary, which counts the changes of the whole identity. */
function versionOf({ primaryId, rows }: Identity): number {
  return rows.find(({ id }) => id === primaryId)?.version ?? 0;
}

function identitiesOf(rows: readonly Row[], known: readonly Identity[]): Identity[] {
  const unchanged: Identity[] = [];
  const byRoot = new Map<number, ContactRow[]>();
  for (const row of rows) {
    const root = Number(row.root);
    const members = byRoot.get(root);
    if (row.is_known === true) {
      unchanged.push(known.find(({ primaryId }) => primaryId === root)!);
    } else if (members === undefined) {
      byRoot.set(root, [contactOf(row)]);
    } else {
      members.push(contactOf(row));
    }
  }
  return [...unchanged, ...[...byRoot].map(([primaryId, members]) => ({ primaryId, rows: members }))];
}

function contactOf(row: Row): ContactRow {
  return {
    id: Number(row.id),
    email: row.email as string | null,
    phoneNumber: row.phone_number as string | null,
    createdAt: Number(row.created_at),
    version: Number(row.version),
    isDeleted: row.is_deleted as boolean,
  };
}

/** Whether the primaries of all identities that the decision rests on are among the locked rows. */
function isHeld(identities: readonly Identity[], { touched }: Writes, locked: ReadonlySet<number>): boolean {
  const touchedIds = new Set(touched.map(({ id }) => id));
  return identities.every(
    ({ primaryId, rows }) => locked.has(primaryId) || !rows.some(({ id }) => touchedIds.has(id)),
  );
}

/**
 * Writes everything under the locks that the transaction holds, and commits.
 *
 * @param drawn the result of DRAW, which must have run after the locks were taken
 * @returns the ids of the newcomers
 */
async function commit(
  transaction: Transaction,
  tenantId: number,
  writes: Writes,
  drawn: readonly Row[] | undefined,
): Promise<number[]> {
  const [row = {}] = drawn ?? [];
  const freshIds = (row.ids as unknown[]).map(Number).toSorted((a, b) => a - b);
  // Newcomers stay junior to what they join even if this clock lags behind the one that stamped it.
  const now = Math.max(Number(row.now), writes.youngestTouched + 1);
  await transaction.commit(...writeQueries(tenantId, writes, freshIds, now));
  return freshIds;
}

/** In the order that the foreign keys ask for: a newcomer out of the past may be the primary that others link to. */
function writeQueries(tenantId: number, writes: Writes, freshIds: readonly number[], now: number): Query[] {
  const real = (id: number): number => realId(id, freshIds);
  const { deletion } = writes;
  return [
    insertContacts(tenantId, writes.newcomers, real, now),
    relink(tenantId, writes.touched, real, now),
    insertMerges(tenantId, writes.merges, real, now),
    deletion && ([sql.DELETE_CONTACT, tenantId, deletion.contactId, now] as const),
    insertClaims(tenantId, writes.claims, real),
    ...writes.movedClaims.map(({ kind, value, contactId }): Query => [
      sql.MOVE_CLAIM,
      tenantId,
      KIND[kind],
      value,
      real(contactId),
    ]),
    ...(deletion?.freedClaims ?? []).map(({ kind, value }): Query => [
      sql.FREE_CLAIM,
      tenantId,
      KIND[kind],
      value,
    ]),
  ].filter((query) => query !== null);
}

type RealId = (id: number) => number;

function insertContacts(
  tenantId: number,
  newcomers: readonly Newcomer[],
  real: RealId,
  now: number,
): Query | null {
  return newcomers.length === 0
    ? null
    : [
        sql.INSERT_CONTACTS,
        tenantId,
        newcomers.map(({ id }) => real(id)),
        newcomers.map(({ email }) => email),
        newcomers.map(({ phoneNumber }) => phoneNumber),
        newcomers.map(({ linkedId }) => linkedId && real(linkedId)),
        newcomers.map(({ createdAt = null }) => createdAt),
        now,
      ];
}

function relink(tenantId: number, touched: readonly TouchedRow[], real: RealId, now: number): Query | null {
  const rows = touched.toSorted((a, b) => a.id - b.id);
  const isDated = rows.some(({ createdAt }) => createdAt !== undefined);
  return rows.length === 0
    ? null
    : [
        sql.RELINK,
        tenantId,
        rows.map(({ id }) => id),
        rows.map(({ linkedId }) => (linkedId === null ? 0 : real(linkedId))),
        isDated ? rows.map(({ createdAt = null }) => createdAt) : [],
        now,
      ];
}

function insertMerges(tenantId: number, merges: readonly Merge[], real: RealId, now: number): Query | null {
  return merges.length === 0
    ? null
    : [
        sql.INSERT_MERGES,
        tenantId,
        merges.map(({ survivorId }) => real(survivorId)),
        merges.map(({ mergedId }) => real(mergedId)),
        merges.map(({ email }) => email),
        merges.map(({ phoneNumber }) => phoneNumber),
        now,
      ];
}

function insertClaims(tenantId: number, claims: readonly Claim[], real: RealId): Query | null {
  return claims.length === 0
    ? null
    : [
        sql.INSERT_CLAIMS,
        tenantId,
        claims.map(({ kind }) => KIND[kind]),
        claims.map(({ value }) => value),
        claims.map(({ contactId }) => real(contactId)),
      ];
}

/** Unique violation, serialization failure, deadlock, and a lock that was not to be had in time. */
const CONFLICTS: Readonly<Record<string, ConflictCause>> = {
  23505: 'claimed',
  40001: 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lock_timeout',
};

function conflictOf(error: unknown): ConflictCause | null {
  const { code, message } = (error instanceof DatabaseUnavailableError ? error.cause : error) as {
    code?: unknown;
    message?: unknown;
  };
  // Distributed engines wrap a unique violation in an error of their own, recognisable by its text only.
  return CONFLICTS[String(code)] ?? (String(message).includes('duplicate key') ? 'claimed' : null);
}

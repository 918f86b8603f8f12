import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row, Transaction } from '../../database/session/sql-session.js';
import { byAge, viewOf, type Identifier, type IdentityView } from '../domain/contact.js';
import type { Kinds } from '../domain/kinds.js';
import { firstMatch, rangeOf, type ValueRange } from '../domain/search.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { contactOf, identifiersOf, valueOf } from './identifier-columns.js';
import * as sql from './listing.statements.js';

/** An identity with more contacts than this, deleted ones included, is listed in part, so that every page stays small. */
export const LISTED_CONTACTS = 100;
/** The most identifiers that a search reads at once, and how often for one page: one identity may have all of them. */
const SEARCH_STEP_MAX = 500;
const SEARCH_STEPS = 20;

/** An identity as a list shows it. */
export interface ListedIdentity {
  /** If the identity is partial: as if the primary were its only contact. */
  readonly view: IdentityView;
  /** How many live contacts it has; null: it is partial, and they were not counted. */
  readonly contacts: number | null;
  readonly isPartial: boolean;
}

/** A page of a list. It may have fewer identities than were asked for, or none, and not be the last. */
export interface Listing<Key> {
  readonly identities: readonly ListedIdentity[];
  /** Where the next page begins; null: this page is the last. */
  readonly next: Key | null;
}

/** Where a search stands: the identifier of this kind that the contact carries was seen last. */
export interface MatchKey {
  readonly kind: string;
  readonly contactId: number;
}

/** Links to primaries, counted from one primary on. */
export interface CountedLinks {
  /** How many were read. */
  readonly read: number;
  /** The primary of the last one; 0: there was none. It may have more. */
  readonly lastId: number;
  /** Those with the most live contacts besides themselves, the largest first. */
  readonly largest: readonly { readonly primaryId: number; readonly links: number }[];
}

/** A match of a search, and the primary of its identity. */
interface Match extends MatchKey {
  readonly value: string;
  readonly primaryId: number;
}

/** Reads lists of identities. The cost of a page depends neither on how many identities there are nor on how large they are. */
@Injectable()
export class IdentityLists {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /**
   * Identities in order of their primary.
   *
   * @param after the last primary that was seen, or 0
   */
  async after(tenantId: number, after: number, limit: number): Promise<Listing<number>> {
    return this.contacts.inOneSnapshot(tenantId, async (transaction, { kinds }) => {
      const [rows = []] = await transaction.send([sql.PRIMARIES_AFTER, tenantId, after, limit + 1]);
      const primaryIds = rows.slice(0, limit).map(({ id }) => Number(id));
      const identities = await listed(transaction, kinds, tenantId, primaryIds);
      return { identities, next: rows.length > limit ? primaryIds.at(-1)! : null };
    });
  }

  /** The identities of these primaries, in order; without those that are no live primaries. */
  async of(tenantId: number, primaryIds: readonly number[]): Promise<ListedIdentity[]> {
    return this.contacts.inOneSnapshot(tenantId, (transaction, { kinds }) =>
      listed(transaction, kinds, tenantId, primaryIds),
    );
  }

  /** The first live primaries after one. */
  async primariesAfter(tenantId: number, after: number, limit: number): Promise<number[]> {
    const rows = await this.session.query([sql.PRIMARIES_AFTER, tenantId, after, limit], tenantId);
    return rows.map(({ id }) => Number(id));
  }

  /**
   * Counts the links to the primaries after one.
   *
   * @param read how many links to read at most
   * @param above tells only of primaries with more live links than this
   * @param limit tells of so many primaries at most
   */
  async countLinks(
    tenantId: number,
    after: number,
    read: number,
    above: number,
    limit: number,
  ): Promise<CountedLinks> {
    const [end, ...largest] = await this.session.query(
      [sql.COUNT_LINKS, tenantId, after, read, above, limit],
      tenantId,
    );
    return {
      read: Number(end!.links),
      lastId: Number(end!.id),
      largest: largest.map(({ id, links }) => ({ primaryId: Number(id), links: Number(links) })),
    };
  }

  /**
   * The identities that have an identifier in one of the ranges, each once, in the order of the first of these.
   *
   * @param after null: from the first range on
   * @returns null if `after` is no match of the search
   */
  async search(
    tenantId: number,
    ranges: readonly ValueRange[],
    after: MatchKey | null,
    limit: number,
  ): Promise<Listing<MatchKey> | null> {
    return this.contacts.inOneSnapshot(tenantId, async (transaction, { kinds }) => {
      const last = after === null ? null : await carried(transaction, kinds, tenantId, after);
      let at = last === null ? 0 : rangeOf(ranges, last);
      if (at === -1 || (after !== null && last === null)) {
        return null;
      }
      const found = new Map<number, ListedIdentity>();
      let seen = last?.value ?? '';
      let key = after;
      for (let step = 0; at < ranges.length; step++) {
        if (step >= SEARCH_STEPS && key !== after) {
          return { identities: [...found.values()], next: key };
        }
        // Most identities have one match, so that mostly one step is enough.
        const size = Math.min((limit + 1) * 2 ** step, SEARCH_STEP_MAX);
        const { matches, lastValue } = await matchesAfter(
          transaction,
          kinds,
          tenantId,
          ranges[at]!,
          seen,
          size,
        );
        const firsts = await firstOfTheirIdentity(transaction, kinds, tenantId, ranges, matches, found);
        for (const match of matches) {
          const identity = firsts.get(match);
          if (identity !== undefined && found.size === limit) {
            return { identities: [...found.values()], next: key };
          }
          if (identity !== undefined) {
            found.set(match.primaryId, identity);
          }
          key = match;
        }
        [at, seen] = lastValue === null ? [at + 1, ''] : [at, lastValue];
      }
      return { identities: [...found.values()], next: null };
    });
  }
}

function identifiersIn({ values }: IdentityView): Identifier[] {
  return [...values].flatMap(([kind, ofKind]) => ofKind.map((value) => ({ kind, value })));
}

/** The next matches in a range, and the last value of them; null: the range ends there. */
async function matchesAfter(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  { kind, from, to }: ValueRange,
  seen: string,
  size: number,
): Promise<{ matches: Match[]; lastValue: string | null }> {
  const { number } = kinds.named(kind);
  const [rows = []] = await transaction.send([sql.IDENTIFIERS_AFTER, tenantId, number, from, to, seen, size]);
  const matches = rows
    .filter(({ root }) => root !== null)
    .map((row) => ({
      kind,
      value: row.value as string,
      contactId: Number(row.contact_id),
      primaryId: Number(row.root),
    }));
  return { matches, lastValue: rows.length < size ? null : (rows.at(-1)!.value as string) };
}

/** Those matches before which their identity has no other one, each with its identity. */
async function firstOfTheirIdentity(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  ranges: readonly ValueRange[],
  matches: readonly Match[],
  found: ReadonlyMap<number, unknown>,
): Promise<Map<Match, ListedIdentity>> {
  const candidates = new Map<number, Match>();
  for (const match of matches) {
    if (!found.has(match.primaryId) && !candidates.has(match.primaryId)) {
      candidates.set(match.primaryId, match);
    }
  }
  const firsts = new Map<Match, ListedIdentity>();
  for (const identity of await listed(transaction, kinds, tenantId, [...candidates.keys()])) {
    const match = candidates.get(identity.view.primaryContactId)!;
    const shown = identifiersIn(identity.view);
    const first = firstMatch(ranges, [...shown, match])!;
    const isFirst = first.kind === match.kind && first.value === match.value;
    if (isFirst && !(identity.isPartial && (await hasEarlier(transaction, kinds, tenantId, ranges, match)))) {
      firsts.set(match, identity);
    }
  }
  return firsts;
}

/** Whether a contact that links to the primary of a match carries one that is told before it. */
async function hasEarlier(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  ranges: readonly ValueRange[],
  match: Match,
): Promise<boolean> {
  const at = rangeOf(ranges, match);
  const earlier = [...ranges.slice(0, at), { ...ranges[at]!, to: match.value }];
  const queries = earlier.map(({ kind, from, to }): Query => [
    sql.CARRIES_BETWEEN,
    tenantId,
    match.primaryId,
    kinds.named(kind).number,
    from,
    to,
  ]);
  return (await transaction.send(...queries)).some((rows) => rows.length > 0);
}

/** The identifier that a key stands for; null if there is none. */
async function carried(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  { kind, contactId }: MatchKey,
): Promise<Identifier | null> {
  const [[row] = []] = await transaction.send([sql.CARRIED, tenantId, contactId]);
  const value = row === undefined ? null : valueOf(identifiersOf(kinds, row), kind);
  return value === null ? null : { kind, value };
}

async function listed(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  primaryIds: readonly number[],
): Promise<ListedIdentity[]> {
  const [rows = []] = await transaction.send([sql.LISTED, tenantId, primaryIds, LISTED_CONTACTS]);
  const byPrimary = Map.groupBy(rows, ({ root }) => Number(root));
  return primaryIds.flatMap((primaryId) => {
    const found = byPrimary.get(primaryId);
    return found === undefined ? [] : [identityOf(kinds, primaryId, found)];
  });
}

function identityOf(kinds: Kinds, primaryId: number, rows: readonly Row[]): ListedIdentity {
  const isPartial = rows.length > LISTED_CONTACTS;
  const shown = rows.filter(({ id, is_deleted: isDeleted }) =>
    isPartial ? Number(id) === primaryId : isDeleted === false,
  );
  const view = viewOf(shown.map((row) => contactOf(kinds, row)).toSorted(byAge));
  return { view, contacts: isPartial ? null : shown.length, isPartial };
}

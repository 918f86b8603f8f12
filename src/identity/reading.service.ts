import { Injectable } from '@nestjs/common';
import type { IdentityView, Sighting } from './domain/contact.js';
import {
  edgesOf,
  oldestFirst,
  pathBetween,
  undoneBetween,
  type EvidenceEdge,
  type RecordedIdentity,
  type RecordedMerge,
} from './domain/explain.js';
import { eventsAfter, historyOf, type EventKey, type HistoryEvent } from './domain/history.js';
import { lookUp, type Match } from './domain/lookup.js';
import { identityAt, type RecordedContact } from './domain/past.js';
import type { Rule } from './domain/rules.js';
import { sharedValues, type SharedValue } from './domain/shared-values.js';
import { NotFoundError } from './identity.errors.js';
import { LARGE_CONTACTS } from './large.js';
import { ReadSources, type ReadSource } from './read-sources.js';
import { mapInTurns, turn } from './turns.js';

/** Why two contacts are one person: the way from the one to the other. */
export interface Connection {
  readonly path: readonly EvidenceEdge[];
  /** On the way, in order. */
  readonly contacts: readonly RecordedContact[];
}

/** What keeps two contacts apart. */
export interface Separation {
  readonly rules: readonly Rule[];
  readonly undoneMerges: readonly RecordedMerge[];
}

/** An identity, and what holds it together. */
export interface WeighedIdentity {
  readonly primaryId: number;
  /** Live ones. */
  readonly contacts: number;
  /** See {@link sharedValues}. */
  readonly values: readonly SharedValue[];
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly isLast: boolean;
}

/** Questions about identities, which change nothing. The pure core decides the answers. */
@Injectable()
export class ReadingService {
  constructor(private readonly sources: ReadSources) {}

  /** The identities that have identifiers of a sighting; see {@link lookUp}. */
  async lookUp(tenantId: number, sighting: Sighting): Promise<Match[]> {
    const selection = { tenantId, sightings: [sighting] };
    const snapshot = await this.sources.readAny(
      tenantId,
      ({ reader }) => reader.loadAtMost(LARGE_CONTACTS, selection),
      ({ reader }) => reader.load(selection),
      { isCached: true },
    );
    return lookUp(snapshot, sighting);
  }

  /**
   * The identity that a contact belonged to at a moment; see {@link identityAt}.
   *
   * @param at in µs since 1970
   */
  async findAt(tenantId: number, contactId: number, at: number): Promise<IdentityView | null> {
    const { view } = await this.ofAnySize(tenantId, async ({ records }, maxRows) => {
      const found = await records.at(tenantId, contactId, at, maxRows);
      await turn(found?.contacts.length ?? 0);
      return found && { view: identityAt(contactId, found.contacts, found.past, at) };
    });
    return view;
  }

  /**
   * All contacts of an identity, deleted ones too, and why they are one; see {@link edgesOf}.
   *
   * @throws {NotFoundError}
   */
  async evidence(
    tenantId: number,
    contactId: number,
  ): Promise<{ contacts: readonly RecordedContact[]; edges: readonly EvidenceEdge[] }> {
    return this.ofAnySize(tenantId, async ({ records }, maxRows) => {
      const found = await records.evidence(tenantId, [contactId], maxRows);
      if (found === null) {
        return null;
      }
      const { primaryId, contacts } = identityOf(found.identities, contactId);
      await turn(contacts.length);
      const edges = edgesOf(primaryId, contacts, found.merges);
      await turn(contacts.length);
      return { contacts: oldestFirst(contacts), edges };
    });
  }

  /** The identities of some contacts, and the values that hold each together. Ids of no contact are left out. */
  async weighed(tenantId: number, contactIds: readonly number[]): Promise<WeighedIdentity[]> {
    return this.ofAnySize(tenantId, async ({ records }, maxRows) => {
      const found = await records.evidence(tenantId, contactIds, maxRows);
      return (
        found &&
        mapInTurns(found.identities, (identity) => ({
          primaryId: identity.primaryId,
          contacts: identity.contacts.filter(({ isDeleted }) => !isDeleted).length,
          values: sharedValues(identity, found.merges, found.kinds),
        }))
      );
    });
  }

  /**
   * Why two contacts, deleted ones too, are one person, or what keeps them apart.
   *
   * @throws {NotFoundError} if one of them was never there
   */
  async explain(tenantId: number, fromId: number, toId: number): Promise<Connection | Separation> {
    return this.ofAnySize<Connection | Separation>(tenantId, async ({ records }, maxRows) => {
      const found = await records.between(tenantId, [fromId, toId], maxRows);
      if (found === null) {
        return null;
      }
      const { identities, merges, rules } = found;
      const [one, other] = [identityOf(identities, fromId), identityOf(identities, toId)];
      if (one !== other) {
        return { rules, undoneMerges: undoneBetween(one.contacts, other.contacts, merges) };
      }
      await turn(one.contacts.length);
      const edges = edgesOf(one.primaryId, one.contacts, merges);
      await turn(edges.length);
      const path = pathBetween(edges, fromId, toId);
      if (path === null) {
        throw new Error(`the evidence of identity ${one.primaryId} does not connect its contacts`);
      }
      const byId = new Map(one.contacts.map((contact) => [contact.id, contact]));
      return { path, contacts: [fromId, ...path.map((edge) => edge.toId)].map((id) => byId.get(id)!) };
    });
  }

  /**
   * A page of what happened to the identity of a contact; see {@link historyOf}.
   *
   * @throws {NotFoundError}
   */
  async history(
    tenantId: number,
    contactId: number,
    after: EventKey | null,
    limit: number,
  ): Promise<Page<HistoryEvent>> {
    return this.ofAnySize(tenantId, async ({ records }, maxRows) => {
      const found = await records.history(tenantId, contactId, maxRows);
      if (found === null) {
        return null;
      }
      const { primaryId, contacts } = identityOf(found.identities, contactId);
      return eventsAfter(historyOf(primaryId, contacts, found.merges, found.changes), after, limit);
    });
  }

  /**
   * A page of the merges that ever joined a contact of one's identity to another, the oldest first.
   *
   * @param after the last merge that was seen; null: none
   * @throws {NotFoundError}
   */
  async merges(
    tenantId: number,
    contactId: number,
    after: number | null,
    limit: number,
  ): Promise<Page<RecordedMerge>> {
    const merges = await this.ofAnySize(tenantId, ({ records }, maxRows) =>
      records.merges(tenantId, contactId, after ?? 0, limit + 1, maxRows),
    );
    return { items: merges.slice(0, limit), isLast: merges.length <= limit };
  }

  /**
   * A page of the rules, the oldest first.
   *
   * @param contactId whose identity they must be about, live or deleted; null: all rules
   * @param after the last rule that was seen; null: none
   * @throws {NotFoundError}
   */
  async rules(
    tenantId: number,
    contactId: number | null,
    after: number | null,
    limit: number,
  ): Promise<Page<Rule>> {
    const rules = await this.ofAnySize(tenantId, ({ records }, maxRows) =>
      contactId === null
        ? records.rules(tenantId, after ?? 0, limit + 1)
        : records.rulesOf(tenantId, contactId, after ?? 0, limit + 1, maxRows),
    );
    return { items: rules.slice(0, limit), isLast: rules.length <= limit };
  }

  /**
   * Reads about identities that may be large.
   *
   * @param read null if there are more contacts to read than `maxRows` (null: any number)
   */
  private async ofAnySize<T>(
    tenantId: number,
    read: (from: ReadSource, maxRows: number | null) => Promise<T | null>,
  ): Promise<T> {
    return this.sources.readAny(
      tenantId,
      (from) => read(from, LARGE_CONTACTS),
      async (from) => (await read(from, null))!,
    );
  }
}

function identityOf(identities: readonly RecordedIdentity[], contactId: number): RecordedIdentity {
  const identity = identities.find(({ contacts }) => contacts.some(({ id }) => id === contactId));
  if (identity === undefined) {
    throw new NotFoundError('contact', contactId);
  }
  return identity;
}

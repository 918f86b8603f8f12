import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
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
import { ContactNotFoundError } from './identity.errors.js';
import { IdentityReader } from './store/identity-reader.js';
import { IdentityRecords } from './store/identity-records.js';

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

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly isLast: boolean;
}

/** Questions about identities, which change nothing. The pure core decides the answers. */
@Injectable()
export class ReadingService {
  constructor(
    private readonly reader: IdentityReader,
    private readonly records: IdentityRecords,
  ) {}

  /** The identities that have identifiers of a sighting; see {@link lookUp}. */
  async lookUp(tenantId: number, sighting: Sighting): Promise<Match[]> {
    const snapshot = await retryUnavailable(() => this.reader.load({ tenantId, sightings: [sighting] }));
    return lookUp(snapshot, sighting);
  }

  /**
   * The identity that a contact belonged to at a moment; see {@link identityAt}.
   *
   * @param at in µs since 1970
   */
  async findAt(tenantId: number, contactId: number, at: number): Promise<IdentityView | null> {
    const { contacts, past } = await retryUnavailable(() => this.records.at(tenantId, contactId, at));
    return identityAt(contactId, contacts, past, at);
  }

  /**
   * All contacts of an identity, deleted ones too, and why they are one; see {@link edgesOf}.
   *
   * @throws {ContactNotFoundError}
   */
  async evidence(
    tenantId: number,
    contactId: number,
  ): Promise<{ contacts: readonly RecordedContact[]; edges: readonly EvidenceEdge[] }> {
    const { identities, merges } = await retryUnavailable(() => this.records.evidence(tenantId, [contactId]));
    const { primaryId, contacts } = identityOf(identities, contactId);
    return { contacts: oldestFirst(contacts), edges: edgesOf(primaryId, contacts, merges) };
  }

  /**
   * Why two contacts, deleted ones too, are one person, or what keeps them apart.
   *
   * @throws {ContactNotFoundError} if one of them was never there
   */
  async explain(tenantId: number, fromId: number, toId: number): Promise<Connection | Separation> {
    const { identities, merges, rules } = await retryUnavailable(() =>
      this.records.between(tenantId, [fromId, toId]),
    );
    const [one, other] = [identityOf(identities, fromId), identityOf(identities, toId)];
    if (one !== other) {
      return { rules, undoneMerges: undoneBetween(one.contacts, other.contacts, merges) };
    }
    const path = pathBetween(edgesOf(one.primaryId, one.contacts, merges), fromId, toId);
    if (path === null) {
      throw new Error(`the evidence of identity ${one.primaryId} does not connect its contacts`);
    }
    const byId = new Map(one.contacts.map((contact) => [contact.id, contact]));
    return { path, contacts: [fromId, ...path.map((edge) => edge.toId)].map((id) => byId.get(id)!) };
  }

  /**
   * A page of what happened to the identity of a contact; see {@link historyOf}.
   *
   * @throws {ContactNotFoundError}
   */
  async history(
    tenantId: number,
    contactId: number,
    after: EventKey | null,
    limit: number,
  ): Promise<Page<HistoryEvent>> {
    const { identities, merges, changes } = await retryUnavailable(() =>
      this.records.history(tenantId, contactId),
    );
    const { primaryId, contacts } = identityOf(identities, contactId);
    return eventsAfter(historyOf(primaryId, contacts, merges, changes), after, limit);
  }

  /**
   * A page of the merges that ever joined a contact of one's identity to another, the oldest first.
   *
   * @param after the last merge that was seen; null: none
   * @throws {ContactNotFoundError}
   */
  async merges(
    tenantId: number,
    contactId: number,
    after: number | null,
    limit: number,
  ): Promise<Page<RecordedMerge>> {
    const merges = await retryUnavailable(() =>
      this.records.merges(tenantId, contactId, after ?? 0, limit + 1),
    );
    if (merges === null) {
      throw new ContactNotFoundError(contactId);
    }
    return { items: merges.slice(0, limit), isLast: merges.length <= limit };
  }

  /**
   * A page of the rules, the oldest first.
   *
   * @param contactId whose identity they must be about, live or deleted; null: all rules
   * @param after the last rule that was seen; null: none
   * @throws {ContactNotFoundError}
   */
  async rules(
    tenantId: number,
    contactId: number | null,
    after: number | null,
    limit: number,
  ): Promise<Page<Rule>> {
    const rules = await retryUnavailable(() =>
      contactId === null
        ? this.records.rules(tenantId, after ?? 0, limit + 1)
        : this.records.rulesOf(tenantId, contactId, after ?? 0, limit + 1),
    );
    if (rules === null) {
      throw new ContactNotFoundError(contactId!);
    }
    return { items: rules.slice(0, limit), isLast: rules.length <= limit };
  }
}

function identityOf(identities: readonly RecordedIdentity[], contactId: number): RecordedIdentity {
  const identity = identities.find(({ contacts }) => contacts.some(({ id }) => id === contactId));
  if (identity === undefined) {
    throw new ContactNotFoundError(contactId);
  }
  return identity;
}

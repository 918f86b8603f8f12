import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Contact, Identity, Sighting, Snapshot } from '../domain/contact.js';
import { withAdded } from '../domain/facts.js';
import { realId, type Writes } from '../domain/writes.js';
import { LARGE_CONTACTS } from '../large.js';
import { ContactRepository, type Selection } from './contact.repository.js';
import type { Drawn } from './write-queries.js';
import { Contact as ContactEntity } from './entities/contact.js';
import { IdentityCache } from './identity-cache.js';

/** Reads identities through the cache of large ones. */
@Injectable()
export class IdentityReader {
  private readonly cache: IdentityCache;

  constructor(
    @InjectRepository(ContactEntity) private readonly contacts: ContactRepository,
    settings: Settings,
  ) {
    this.cache = new IdentityCache(settings.identityCacheMinContacts, settings.identityCacheBytes);
  }

  /** Like {@link ContactRepository.load}, but reads the rows of a large identity only if it has changed. */
  async load(selection: Selection): Promise<Snapshot> {
    const snapshot = await this.contacts.load(selection, this.known(selection));
    this.keep(selection, snapshot.identities);
    return snapshot;
  }

  /** Like {@link load}; null if there are more rows to read than `maxRows`. */
  async loadAtMost(maxRows: number, selection: Selection): Promise<Snapshot | null> {
    const snapshot = await this.contacts.loadAtMost(maxRows, selection, this.known(selection));
    this.keep(selection, snapshot?.identities ?? []);
    return snapshot;
  }

  /** The selected identities that may be in the cache, to be offered to the database. */
  known(selection: Selection): readonly Identity[] {
    if ('evidenceOf' in selection) {
      return [];
    }
    return 'sightings' in selection
      ? this.cache.candidates(selection.tenantId, selection.sightings)
      : this.cache.ofTenant(selection.tenantId);
  }

  /** Whether a sighting is about an identity that was large when it was last read. */
  isAboutLarge(tenantId: number, sighting: Sighting): boolean {
    return this.cache.candidates(tenantId, [sighting]).some(({ rows }) => rows.length >= LARGE_CONTACTS);
  }

  /** The tenants that identities are kept of. */
  tenantIds(): Set<number> {
    return this.cache.tenantIds();
  }

  /** Forgets the identities of a tenant. */
  drop(tenantId: number): void {
    this.cache.drop(tenantId);
  }

  /** Keeps those that are large; but none that were read with their evidence, since these may have no live contacts. */
  keep(selection: Selection, identities: readonly Identity[]): void {
    if (!('evidenceOf' in selection)) {
      identities.forEach((identity) => this.cache.keep(selection.tenantId, identity));
    }
  }

  /** Keeps identities as a decision left them, so that they need not be read again. */
  keepWritten(tenantId: number, identities: readonly Identity[], writes: Writes, drawn: Drawn): void {
    for (const identity of identities) {
      const grown = this.cache.takes(identity) ? afterGrowth(identity, writes, drawn) : null;
      if (grown !== null) {
        this.cache.keep(tenantId, grown);
      }
    }
  }
}

/**
 * An identity with the contacts that a decision added, as the database has it now; null if the decision changed anything else.
 *
 * Reading a large identity again after each new contact would take longer than everything else.
 */
function afterGrowth(
  identity: Identity,
  { touched, newcomers, deletion, ruledIds, erasure }: Writes,
  { freshIds, now }: Drawn,
): Identity | null {
  const { primaryId, rows } = identity;
  const primary = rows.find(({ id }) => id === primaryId)!;
  const isTouched = touched.some(({ id }) => id === primaryId);
  const others = new Set(touched.map(({ id }) => id).filter((id) => id !== primaryId));
  const isMore =
    touched.some(
      ({ id, linkedId, createdAt, identifiers }) =>
        linkedId === primaryId ||
        (id === primaryId && (linkedId !== null || createdAt !== undefined || identifiers !== undefined)),
    ) ||
    (others.size > 0 && rows.some(({ id }) => others.has(id)));
  if (!isTouched || isMore || deletion !== null || erasure !== null || ruledIds.length > 0) {
    return null;
  }
  const added = newcomers
    .filter(({ linkedId }) => linkedId === primaryId)
    .map(({ id, identifiers, isRuled, createdAt = now }): Contact => ({
      id: realId(id, freshIds),
      identifiers,
      createdAt,
      version: 1,
      isDeleted: false,
      isRuled,
    }));
  return withAdded(identity, { ...primary, version: primary.version + 1 }, added);
}

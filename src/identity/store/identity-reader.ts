import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Identity, Snapshot } from '../domain/contact.js';
import { ContactRepository, type Selection } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { IdentityCache } from './identity-cache.js';

/** Reads identities through the cache of large ones. */
@Injectable()
export class IdentityReader {
  private readonly cache: IdentityCache;

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    settings: Settings,
  ) {
    this.cache = new IdentityCache(settings.identityCacheMinContacts, settings.identityCacheBytes);
  }

  /** As {@link ContactRepository.load}; the rows of a large identity are read only if it has changed. */
  async load(selection: Selection): Promise<Snapshot> {
    const snapshot = await this.contacts.load(selection, this.known(selection));
    this.keep(selection, snapshot.identities);
    return snapshot;
  }

  /** What is known of the selected identities already, to be offered to the database. */
  known(selection: Selection): readonly Identity[] {
    return 'sightings' in selection ? this.cache.candidates(selection.tenantId, selection.sightings) : [];
  }

  /** Keeps those that are large. */
  keep({ tenantId }: Selection, identities: readonly Identity[]): void {
    identities.forEach((identity) => this.cache.keep(tenantId, identity));
  }
}

import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import type { IdentityView, Sighting } from './domain/contact.js';
import { lookUp, type Match } from './domain/lookup.js';
import { identityAt } from './domain/past.js';
import { IdentityReader } from './store/identity-reader.js';
import { IdentityRecords } from './store/identity-records.js';

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
}

import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import type { Identifier } from './domain/contact.js';
import { ownIdentifiers, subjectData, type SubjectData } from './domain/subject.js';
import { NotFoundError, IdentifierNotFoundError } from './identity.errors.js';
import { LARGE_CONTACTS } from './large.js';
import { ReadLanes } from './read-lanes.js';
import { ContactRepository } from './store/contact.repository.js';
import { Contact } from './store/entities/contact.js';
import { ErasureRecords } from './store/erasure-records.js';

/** Tells a person all that is stored of them. */
@Injectable()
export class SubjectAccessService {
  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    private readonly records: ErasureRecords,
    private readonly lanes: ReadLanes,
  ) {}

  /**
   * All that is stored of the identity of a contact, live or deleted, or of the one that has an identifier; see
   * {@link subjectData}.
   *
   * @throws {NotFoundError} if there never was such a contact, or it was erased
   * @throws {IdentifierNotFoundError} if nobody has the identifier
   */
  async of(
    tenantId: number,
    subject: { readonly contactId: number | null; readonly identifier: Identifier | null },
  ): Promise<SubjectData> {
    return this.lanes.readAny(
      tenantId,
      () => this.read(tenantId, subject, LARGE_CONTACTS),
      async () => (await this.read(tenantId, subject, Infinity))!,
    );
  }

  private async read(
    tenantId: number,
    { contactId, identifier }: { readonly contactId: number | null; readonly identifier: Identifier | null },
    maxRows: number,
  ): Promise<SubjectData | null> {
    const id = identifier === null ? contactId : await this.records.holderOf(tenantId, identifier);
    if (id === null) {
      throw new IdentifierNotFoundError();
    }
    const selection = { tenantId, evidenceOf: [id], sightings: [], pastSince: null, isToErase: true };
    const snapshot = await this.contacts.loadAtMost(maxRows, selection);
    if (snapshot === null) {
      return null;
    }
    const { evidence, held } = snapshot;
    if (evidence === undefined || held === undefined || evidence.identities.length === 0) {
      throw new NotFoundError('contact', id);
    }
    const contacts = evidence.identities.flatMap((identity) => identity.contacts);
    const own = [...ownIdentifiers(contacts, evidence.past, held).items()];
    const { rules } = await this.contacts.loadRules(tenantId, own);
    const reviews = await this.records.reviewsOf(tenantId, own);
    const changes = await this.records.changesOf(
      tenantId,
      contacts.map((contact) => contact.id),
    );
    return subjectData({ ...snapshot, evidence, held }, rules, reviews, changes);
  }
}

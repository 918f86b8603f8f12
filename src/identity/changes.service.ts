import { Injectable } from '@nestjs/common';
import { ChangeWriter, type ChangeCall, type ChangeOutcome } from './change-writer.js';
import type { Snapshot } from './domain/contact.js';
import { mergeByHand } from './domain/merge-by-hand.js';
import { removeAll } from './domain/remove.js';
import { ContactNotFoundError, DoNotLinkError } from './identity.errors.js';

/** The changes that people make by hand. What each decides is in the pure core. */
@Injectable()
export class ChangesService {
  constructor(private readonly writer: ChangeWriter) {}

  /**
   * Merges the identities of contacts; see {@link mergeByHand}. `force` deletes the rules that keep them apart.
   *
   * @throws {ContactNotFoundError} if one of them is unknown or deleted
   * @throws {DoNotLinkError} if rules keep them apart
   */
  async merge(
    call: ChangeCall,
    body: { readonly contactIds: readonly number[]; readonly force?: boolean; readonly reason: string },
  ): Promise<ChangeOutcome> {
    const { tenantId } = call;
    const { contactIds, force, reason } = body;
    return this.writer.change(call, { kind: 'merge', reason, body }, { tenantId, contactIds }, (snapshot) => {
      requireAll(snapshot, contactIds);
      const { writes, view, forbiddenBy } = mergeByHand(snapshot, contactIds, force);
      if (forbiddenBy.length > 0 && writes.unknownRules.length === 0) {
        throw new DoNotLinkError(forbiddenBy);
      }
      return { writes, contactIds, identities: [view] };
    });
  }

  /**
   * Deletes every contact of the identity that a contact belongs to.
   *
   * @throws {ContactNotFoundError} if the contact is unknown or deleted
   */
  async deleteIdentity(
    call: ChangeCall,
    contactId: number,
    body: { readonly reason?: string | null },
  ): Promise<void> {
    const selection = { tenantId: call.tenantId, contactIds: [contactId] };
    const request = { kind: 'identity-delete', reason: body.reason ?? null, body } as const;
    await this.writer.change(call, request, selection, (snapshot) => {
      requireAll(snapshot, [contactId]);
      const writes = removeAll(snapshot.identities[0]!, snapshot.rules);
      return { writes, contactIds: writes.deletion!.contactIds, identities: [] };
    });
  }
}

/** @throws {ContactNotFoundError} for the first that is not a live contact */
function requireAll({ identities }: Snapshot, contactIds: readonly number[]): void {
  const live = new Set(
    identities.flatMap(({ rows }) => rows.filter(({ isDeleted }) => !isDeleted).map(({ id }) => id)),
  );
  for (const id of contactIds) {
    if (!live.has(id)) {
      throw new ContactNotFoundError(id);
    }
  }
}

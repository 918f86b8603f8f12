import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import { ChangeWriter, type ChangeCall, type ChangeOutcome } from './change-writer.js';
import type { Identifier, Snapshot } from './domain/contact.js';
import { mergeByHand } from './domain/merge-by-hand.js';
import { removeAll } from './domain/remove.js';
import { isSame, liftRule, makeRule, otherOf, type Rule } from './domain/rules.js';
import {
  AlreadyLinkedError,
  ContactNotFoundError,
  DoNotLinkError,
  RuleNotFoundError,
} from './identity.errors.js';
import { ContactRepository, type Selection } from './store/contact.repository.js';
import { Contact } from './store/entities/contact.js';

/** The changes that people make by hand. What each decides is in the pure core. */
@Injectable()
export class ChangesService {
  constructor(
    private readonly writer: ChangeWriter,
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
  ) {}

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

  /**
   * Makes a rule between two identifiers, unless it is there already; see {@link makeRule}.
   *
   * @throws {AlreadyLinkedError} if both are in one identity
   */
  async makeRule(
    call: ChangeCall,
    body: { readonly identifiers: readonly [Identifier, Identifier]; readonly reason: string },
  ): Promise<ChangeOutcome> {
    const { tenantId } = call;
    const { identifiers, reason } = body;
    const outcome = await this.writer.change(
      call,
      { kind: 'rule', reason, body },
      holding(tenantId, identifiers),
      (snapshot) => {
        const { outcome: made, existing, contactIds, writes } = makeRule(snapshot, identifiers);
        if (made === 'already-linked') {
          throw new AlreadyLinkedError();
        }
        return { writes, contactIds, identities: [], existingRules: existing === null ? [] : [existing] };
      },
    );
    // The repetition of a call that found the rule is told it too.
    return outcome.rules.length > 0
      ? outcome
      : { ...outcome, rules: await retryUnavailable(() => this.rulesBetween(tenantId, identifiers)) };
  }

  /**
   * Deletes a rule; see {@link liftRule}.
   *
   * @throws {RuleNotFoundError}
   */
  async deleteRule(call: ChangeCall, id: number, body: { readonly reason?: string | null }): Promise<void> {
    const { tenantId } = call;
    const rule = await retryUnavailable(() => this.contacts.findRule(tenantId, id));
    const request = { kind: 'rule-delete', reason: body.reason ?? null, body } as const;
    await this.writer.change(call, request, holding(tenantId, rule?.identifiers ?? []), (snapshot) => {
      const lifted = rule && liftRule(snapshot, id, rule.identifiers);
      if (lifted === null || (!lifted.isFound && lifted.writes.unknownRules.length === 0)) {
        throw new RuleNotFoundError(id);
      }
      const { writes, contactIds } = lifted;
      return { writes, contactIds, identities: [] };
    });
  }

  private async rulesBetween(
    tenantId: number,
    [one, other]: readonly [Identifier, Identifier],
  ): Promise<Rule[]> {
    const { rules } = await this.contacts.loadRules(tenantId, [one]);
    return rules.filter((rule) => isSame(otherOf(rule, one), other));
  }
}

/** The identities that hold some identifiers, none of which need be in one sighting with another. */
function holding(tenantId: number, identifiers: readonly Identifier[]): Selection {
  return { tenantId, sightings: identifiers.map((identifier) => ({ identifiers: [identifier] })) };
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

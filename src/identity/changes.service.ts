import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import { ChangeWriter, type ChangeCall, type ChangeOutcome } from './change-writer.js';
import type { Identifier, Snapshot } from './domain/contact.js';
import type { KnownEvidence } from './domain/explain.js';
import { mergeByHand } from './domain/merge-by-hand.js';
import { removeAll } from './domain/remove.js';
import { isSame, liftRule, makeRule, type Rule } from './domain/rules.js';
import { lostIdentifiers, split, type SplitRefusal } from './domain/split.js';
import { undo } from './domain/undo.js';
import { asksForMore } from './domain/writes.js';
import {
  AlreadyLinkedError,
  NotFoundError,
  DoNotLinkError,
  IdentityLimitError,
  NothingToSplitError,
} from './identity.errors.js';
import { ContactRepository, type Selection } from './store/contact.repository.js';
import { Contact } from './store/entities/contact.js';
import { IdentityRecords } from './store/identity-records.js';

/** The changes that people make by hand. What each decides is in the pure core. */
@Injectable()
export class ChangesService {
  constructor(
    private readonly writer: ChangeWriter,
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    private readonly records: IdentityRecords,
  ) {}

  /**
   * Merges the identities of contacts; see {@link mergeByHand}. `force` deletes the rules that keep them apart.
   *
   * @throws {NotFoundError} if one of them is unknown or deleted
   * @throws {DoNotLinkError} if rules keep them apart
   * @throws {IdentityLimitError} if they would exceed a limit as one
   */
  async merge(
    call: ChangeCall,
    body: { readonly contactIds: readonly number[]; readonly force?: boolean; readonly reason: string },
  ): Promise<ChangeOutcome> {
    const { tenantId } = call;
    const { contactIds, force, reason } = body;
    return this.writer.change(call, { kind: 'merge', reason, body }, { tenantId, contactIds }, (snapshot) => {
      requireAll(snapshot, contactIds);
      const { writes, view, forbiddenBy, exceeds } = mergeByHand(snapshot, contactIds, force);
      if (forbiddenBy.length > 0 && !asksForMore(writes)) {
        throw new DoNotLinkError(forbiddenBy);
      }
      if (exceeds !== null && !asksForMore(writes)) {
        throw new IdentityLimitError(exceeds);
      }
      return { writes, contactIds, identities: [view] };
    });
  }

  /**
   * Undoes a merge; see {@link undo}.
   *
   * @throws {NotFoundError} if there is no such merge
   */
  async undo(call: ChangeCall, mergeId: number, body: { readonly reason: string }): Promise<ChangeOutcome> {
    const { tenantId } = call;
    const merge = await retryUnavailable(() => this.records.merge(tenantId, mergeId));
    if (merge === null) {
      throw new NotFoundError('merge', mergeId);
    }
    const { leftId, rightId, identifiers, at } = merge;
    const selection = {
      tenantId,
      evidenceOf: [leftId, rightId],
      sightings: identifiers.length === 0 ? [] : [{ identifiers }],
      pastSince: at,
    };
    const request = { kind: 'undo', reason: body.reason, body } as const;
    return this.writer.change(call, request, selection, (snapshot) => {
      const evident = withEvidence(snapshot);
      if (!evident.evidence.merges.some(({ id }) => id === mergeId)) {
        // An erasure has removed it since it was found.
        throw new NotFoundError('merge', mergeId);
      }
      const { writes, identities, primaryIds, isAssumed } = undo(mergeId, evident);
      return { writes, contactIds: primaryIds, identities, isAssumed };
    });
  }

  /**
   * Takes identifiers or contacts out of an identity, into one of their own; see {@link split}.
   *
   * @throws {NotFoundError} if `contactId`, or one of `contactIds`, is unknown or deleted
   * @throws {NothingToSplitError} if nothing or everything would leave, or something that was named is elsewhere
   */
  async split(
    call: ChangeCall,
    body: {
      readonly contactId: number;
      readonly identifiers: readonly Identifier[];
      readonly contactIds: readonly number[];
      readonly reason: string;
    },
  ): Promise<ChangeOutcome> {
    const { tenantId } = call;
    const { contactId, reason } = body;
    const selection: Selection = {
      tenantId,
      evidenceOf: [...new Set([contactId, ...body.contactIds])],
      sightings: [],
      holdersOf: (evidence, kinds) => lostIdentifiers(contactId, body, evidence, kinds),
      pastSince: null,
    };
    return this.writer.change(call, { kind: 'split', reason, body }, selection, (snapshot) => {
      requireAll(snapshot, selection.evidenceOf);
      const made = split(contactId, body, withEvidence(snapshot));
      if ('refused' in made) {
        throw new NothingToSplitError(whyNot(made));
      }
      const contactIds = made.identities.map(({ primaryContactId }) => primaryContactId);
      return { ...made, contactIds };
    });
  }

  /**
   * Deletes every contact of the identity that a contact belongs to.
   *
   * @throws {NotFoundError} if the contact is unknown or deleted
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
   * @throws {NotFoundError}
   */
  async deleteRule(call: ChangeCall, id: number, body: { readonly reason?: string | null }): Promise<void> {
    const { tenantId } = call;
    const rule = await retryUnavailable(() => this.contacts.findRule(tenantId, id));
    const request = { kind: 'rule-delete', reason: body.reason ?? null, body } as const;
    await this.writer.change(call, request, holding(tenantId, rule?.identifiers ?? []), (snapshot) => {
      const lifted = rule && liftRule(snapshot, id, rule.identifiers);
      if (lifted === null || (!lifted.isFound && !asksForMore(lifted.writes))) {
        throw new NotFoundError('rule', id);
      }
      const { writes, contactIds } = lifted;
      return { writes, contactIds, identities: [] };
    });
  }

  private async rulesBetween(
    tenantId: number,
    [one, other]: readonly [Identifier, Identifier],
  ): Promise<Rule[]> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const [ones, others] = [kinds.withOtherForms([one]), kinds.withOtherForms([other])];
    const { rules } = await this.contacts.loadRules(tenantId, ones);
    return rules.filter(({ identifiers }) =>
      [ones, others].every((forms) => identifiers.some((each) => forms.some((form) => isSame(each, form)))),
    );
  }
}

/** The identities that hold some identifiers. The identifiers need not have come together. */
function holding(tenantId: number, identifiers: readonly Identifier[]): Selection {
  return { tenantId, sightings: identifiers.map((identifier) => ({ identifiers: [identifier] })) };
}

function whyNot(refusal: SplitRefusal): string {
  if (refusal.refused === 'elsewhere') {
    return `${refusal.field}[${refusal.at}] is not in the identity of contactId.`;
  }
  return refusal.refused === 'nothing-leaves'
    ? 'No identifier and no contact was named, so nothing would leave.'
    : 'Everything would leave: all identifiers of the identity were named, directly or by their contacts.';
}

/** The evidence that the selection asked for. */
function withEvidence(snapshot: Snapshot): Snapshot & { readonly evidence: KnownEvidence } {
  const { evidence } = snapshot;
  if (evidence === undefined) {
    throw new Error('the evidence was not read');
  }
  return { ...snapshot, evidence };
}

/** @throws {NotFoundError} for the first that is not a live contact */
function requireAll({ identities }: Snapshot, contactIds: readonly number[]): void {
  const live = new Set(
    identities.flatMap(({ rows }) => rows.filter(({ isDeleted }) => !isDeleted).map(({ id }) => id)),
  );
  for (const id of contactIds) {
    if (!live.has(id)) {
      throw new NotFoundError('contact', id);
    }
  }
}

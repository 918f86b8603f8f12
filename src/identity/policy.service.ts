import { Injectable } from '@nestjs/common';
import { retryUnavailable } from '../database/session/unavailable.js';
import { InvalidRequestError } from '../http/problems/problem.errors.js';
import { namesTag, type ChangeCall } from './change-writer.js';
import type { Policy } from './domain/policy.js';
import { revisePolicy, type Revision, type WantedPolicy } from './domain/revise-policy.js';
import { ExceedingIdentities, type Exceeding } from './exceeding-identities.js';
import { PreconditionFailedError, PreconditionRequiredError } from './change.errors.js';
import { ContentionError } from './identity.errors.js';
import { IdentityMetrics } from './identity.metrics.js';
import { PolicyDirectory } from './policy-directory.js';
import { PolicyRevisions } from './store/policy-revisions.js';

/** Identities above a lowered limit are counted for so long; with the rest of the call it stays below 4.2 s. */
const COUNT_WITHIN_MS = 2_000;
/** Only the first change of a tenant can lose against something else than another change of its limits and kinds. */
const MAX_ATTEMPTS = 3;

/** The limits and kinds of a tenant. */
export type Limits = Pick<Policy, 'version' | 'maxContacts' | 'kinds'>;

/** What came of a change of a policy, or would. */
export interface PolicyOutcome {
  /** null: nothing was changed, or it was a dry run. */
  readonly changeId: number | null;
  readonly isChanged: boolean;
  /** After the change. After a dry run with the version that is stored. */
  readonly policy: Limits;
  readonly exceeding: Exceeding;
}

/** The policies of tenants, as administrators see and change them. */
@Injectable()
export class PolicyService {
  constructor(
    private readonly revisions: PolicyRevisions,
    private readonly directory: PolicyDirectory,
    private readonly exceeding: ExceedingIdentities,
    private readonly metrics: IdentityMetrics,
  ) {}

  /** The policy as it is stored now. */
  async read(tenantId: number): Promise<Policy> {
    return retryUnavailable(() => this.directory.refresh(tenantId));
  }

  /**
   * Replaces the limits and kinds of a tenant; see {@link revisePolicy}. They are in force in this process at once, and on every
   * replica within 5 s. Nothing that exceeds them is taken apart.
   *
   * If the outcome of the commit is not known, it is not tried again: the version would have moved by the change itself.
   *
   * @param withinMs how long to look for identities that exceed lowered limits; may be infinite
   * @throws {PreconditionRequiredError} if the call has no `If-Match`
   * @throws {PreconditionFailedError} if `If-Match` names another version than the one that is stored
   * @throws {InvalidRequestError} if the policy can't become that
   */
  async replace(
    call: ChangeCall,
    wanted: WantedPolicy,
    reason: string | null,
    withinMs = COUNT_WITHIN_MS,
  ): Promise<PolicyOutcome> {
    const { tenantId, actor, isDryRun, ifMatch } = call;
    if (ifMatch === null) {
      throw new PreconditionRequiredError();
    }
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const before = await this.read(tenantId);
      if (!namesTag(ifMatch, etagOf(before))) {
        throw new PreconditionFailedError('policy');
      }
      const revision = revised(before, wanted);
      // Before the change is written, so that it is not reported as failed if this fails.
      const exceeding = await this.exceeding.of(tenantId, revision.tightened, withinMs);
      const { isChange: isChanged } = revision;
      if (isDryRun || !isChanged) {
        const policy = { ...revision, version: before.version };
        return { changeId: null, isChanged, policy, exceeding };
      }
      const note = { kind: 'policy', actor, reason, idempotency: null, isChanged, contactIds: [] } as const;
      const made = await this.revisions.revise(tenantId, before.version, revision, note);
      if (made !== null) {
        this.metrics.changed('policy');
        // What was written is told, even if it can't be read now.
        await this.directory.refresh(tenantId).catch(() => undefined);
        const policy = { ...revision, version: before.version + 1 };
        return { changeId: made.changeId, isChanged, policy, exceeding };
      }
    }
    throw new ContentionError();
  }
}

/** The entity tag of the limits and kinds of a tenant. */
export function etagOf({ version }: Limits): string {
  return `"${version}"`;
}

function revised(policy: Limits, wanted: WantedPolicy): Revision {
  const revision = revisePolicy(policy, wanted);
  if ('mistakes' in revision) {
    throw new InvalidRequestError(revision.mistakes);
  }
  return revision;
}

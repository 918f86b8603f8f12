import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Policy } from './domain/policy.js';
import { UndeclaredKindError } from './identity.errors.js';
import { ContactRepository } from './store/contact.repository.js';
import { Contact } from './store/entities/contact.js';
import { PolicyRecords, type StoredPolicy } from './store/policy-records.js';

/** A change of a policy reaches every replica within this time, like the revocation of a key. */
const KEPT_FOR_MS = 5_000;
/** From this age on, a policy is read again while it is still used, so that nobody has to wait for it. */
const FRESH_FOR_MS = 2_500;
const MAX_KEPT = 10_000;
/** How often a tenant's policy is read again because calls name kinds that are not declared. */
const RECHECKED_EVERY_MS = 1_000;

interface Kept {
  readonly stored: StoredPolicy;
  readonly since: number;
}

/** The policies of the tenants that made calls recently. */
@Injectable()
export class PolicyDirectory {
  private readonly kept = new LRUCache<number, Kept>({ max: MAX_KEPT });
  /** By tenant: the policy that is being read. */
  private readonly asked = new Map<number, Promise<Policy>>();
  /** By tenant: when its policy was last read again because of an undeclared kind. */
  private readonly rechecks = new LRUCache<number, Promise<Policy>>({
    max: MAX_KEPT,
    ttl: RECHECKED_EVERY_MS,
  });

  constructor(
    private readonly records: PolicyRecords,
    @InjectRepository(Contact) contacts: ContactRepository,
  ) {
    contacts.policyOf = (tenantId) => this.of(tenantId);
    contacts.onUnknownKind = async (tenantId) => void (await this.refresh(tenantId));
  }

  /**
   * The policy of a tenant, at most 5 s old. At once if the tenant made a call recently.
   *
   * @throws {DatabaseUnavailableError} if it must be read and the database can't answer
   */
  of(tenantId: number): Policy | Promise<Policy> {
    const kept = this.kept.get(tenantId);
    const age = kept === undefined ? Infinity : performance.now() - kept.since;
    if (kept === undefined || age > KEPT_FOR_MS) {
      return this.read(tenantId);
    }
    if (age > FRESH_FOR_MS) {
      // If it fails, it is tried again with the next call, which waits for it in the end.
      this.read(tenantId).catch(() => undefined);
    }
    return kept.stored.policy;
  }

  /**
   * What `read` makes of a call by the policy of a tenant. If the call names a kind that is not declared, it is read once more by
   * the policy as it is stored, because another process may have declared the kind just now; at most once a second, because
   * callers repeat their mistakes.
   *
   * @throws {UndeclaredKindError} if the kind is not declared then either
   */
  reading<T>(tenantId: number, read: (policy: Policy) => T): T | Promise<T> {
    const policy = this.of(tenantId);
    return policy instanceof Promise
      ? policy.then((known) => this.readAgainIfUndeclared(tenantId, known, read))
      : this.readAgainIfUndeclared(tenantId, policy, read);
  }

  /** The policy as it is stored now. After a change, so that this process knows it at once. */
  async refresh(tenantId: number): Promise<Policy> {
    // What is being read may be from before the change.
    await this.asked.get(tenantId)?.catch(() => undefined);
    return this.read(tenantId);
  }

  private readAgainIfUndeclared<T>(
    tenantId: number,
    policy: Policy,
    read: (policy: Policy) => T,
  ): T | Promise<T> {
    try {
      return read(policy);
    } catch (error) {
      if (!(error instanceof UndeclaredKindError)) {
        throw error;
      }
      let recheck = this.rechecks.get(tenantId);
      if (recheck === undefined) {
        recheck = this.refresh(tenantId);
        this.rechecks.set(tenantId, recheck);
      }
      return recheck.then(async () => read(await this.of(tenantId)));
    }
  }

  private read(tenantId: number): Promise<Policy> {
    const asked = this.asked.get(tenantId) ?? this.load(tenantId);
    this.asked.set(tenantId, asked);
    return asked;
  }

  private async load(tenantId: number): Promise<Policy> {
    const since = performance.now();
    try {
      const stored = await this.records.load(tenantId, this.kept.get(tenantId)?.stored ?? null);
      this.kept.set(tenantId, { stored, since });
      return stored.policy;
    } finally {
      this.asked.delete(tenantId);
    }
  }
}

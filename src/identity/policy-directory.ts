import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Policy } from './domain/policy.js';
import { ContactRepository } from './store/contact.repository.js';
import { Contact } from './store/entities/contact.js';
import { PolicyRecords, type StoredPolicy } from './store/policy-records.js';

/** A change of a policy reaches every replica within this time, like the revocation of a key. */
const KEPT_FOR_MS = 5_000;
/** From this age on, a policy is read again while it is still used, so that nobody has to wait for it. */
const FRESH_FOR_MS = 2_500;
const MAX_KEPT = 10_000;

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

  /** The policy as it is stored now. After a change, so that this process knows it at once. */
  async refresh(tenantId: number): Promise<Policy> {
    // What is being read may be from before the change.
    await this.asked.get(tenantId)?.catch(() => undefined);
    return this.read(tenantId);
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

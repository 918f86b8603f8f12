import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { openSession } from '../../database/session/open-session.js';
import type { Row } from '../../database/session/sql-session.js';
import { Blocklist } from '../domain/blocklist.js';
import { Kinds, STANDARD_KINDS, type IdentifierKind, type Normaliser } from '../domain/kinds.js';
import type { PhoneForms } from '../domain/phone-forms.js';
import { DEFAULT_MAX_CONTACTS, type Policy } from '../domain/policy.js';
import { BlockedHashes } from '../blocked-hashes.js';
import { ErasureKey } from '../erasure-key.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { BLOCKED_HASHES } from './erasure.statements.js';
import * as sql from './policy.statements.js';

/** The policy of a tenant as it is stored. */
export interface StoredPolicy {
  /** Counts every change of what the policy consists of, blocked values included. */
  readonly generation: number;
  readonly policy: Policy;
}

/** Reads the policies of tenants. */
@Injectable()
export class PolicyRecords {
  private readonly logger = new Logger('Policy');
  private readonly session = openSession(this.contacts.getEntityManager());
  private hasWarned = false;

  constructor(
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
    private readonly key: ErasureKey,
    private readonly settings: Settings,
  ) {}

  /**
   * The policy of a tenant.
   *
   * @param known what was read before; if nothing has changed since, it is returned as it is
   */
  async load(tenantId: number, known: StoredPolicy | null): Promise<StoredPolicy> {
    const [row] = await this.session.query([sql.LOAD_POLICY, tenantId], tenantId);
    const generation = Number(row?.generation ?? 0);
    const erased = await this.erasedOf(tenantId);
    if (known?.generation === generation) {
      return withErased(known, erased);
    }
    // What was written after the generation was read is read again, with the next generation. Kinds are read last, so that none of
    // a blocked value is missing.
    const blocked = await this.session.query([sql.LOAD_BLOCKED, tenantId], tenantId);
    const kinds = await this.session.query([sql.LOAD_KINDS, tenantId], tenantId);
    return withErased(
      { generation, policy: policyOf(row, kindsOf(kinds, this.settings.phoneForms), blocked) },
      erased,
    );
  }

  /** What live calls must not bring back yet; undefined: nothing, or nobody can tell because there is no key. */
  private async erasedOf(tenantId: number): Promise<BlockedHashes | undefined> {
    const rows = await this.session.query([BLOCKED_HASHES, tenantId], tenantId);
    if (rows.length > 0 && !this.key.isConfigured) {
      // Once, not for each tenant every few seconds.
      if (!this.hasWarned) {
        this.hasWarned = true;
        this.logger.warn('Erased identifiers are blocked, but ERASURE_KEY is not set: calls bring them back');
      }
      return undefined;
    }
    return rows.length === 0 ? undefined : new BlockedHashes(this.key, untilsOf(rows));
  }
}

/** By hash, the latest time until when it is blocked. */
function untilsOf(rows: readonly Row[]): Map<string, number> {
  const untils = new Map<string, number>();
  for (const row of rows) {
    const until = Number(row.blocked_until);
    (row.hashes as string[]).forEach((hash) => untils.set(hash, Math.max(until, untils.get(hash) ?? 0)));
  }
  return untils;
}

/** The same object if nothing has changed. */
function withErased(stored: StoredPolicy, erased: BlockedHashes | undefined): StoredPolicy {
  const { erased: before, ...policy } = stored.policy;
  return before === undefined && erased === undefined
    ? stored
    : { ...stored, policy: erased === undefined ? policy : { ...policy, erased } };
}

function policyOf(row: Row | undefined, kinds: Kinds, blockedRows: readonly Row[]): Policy {
  return {
    version: Number(row?.version ?? 0),
    maxContacts: row === undefined ? DEFAULT_MAX_CONTACTS : ((row.max_contacts as number | null) ?? Infinity),
    kinds,
    blocked: new Blocklist(
      blockedRows.map(({ id, kind, pattern }) => ({
        id: Number(id),
        kind: kinds.numbered(Number(kind)).name,
        pattern: pattern as string,
      })),
    ),
  };
}

/** The standard kinds as they were changed, and those that were declared. @param rows of `LOAD_KINDS` */
export function kindsOf(rows: readonly Row[], phoneForms: PhoneForms = 'same'): Kinds {
  const stored = rows.map(kindOf);
  const unchanged = STANDARD_KINDS.all.filter(({ number }) => !stored.some((kind) => kind.number === number));
  return stored.length === 0 && phoneForms === STANDARD_KINDS.phoneForms
    ? STANDARD_KINDS
    : new Kinds([...unchanged, ...stored], phoneForms);
}

function kindOf(row: Row): IdentifierKind {
  return {
    name: row.name as string,
    number: Number(row.number),
    normaliser: row.normaliser as Normaliser,
    priority: Number(row.priority),
    maxLength: Number(row.max_length),
    onePerIdentity: row.one_per_identity as boolean,
    maxPerIdentity: row.max_per_identity as number | null,
    isRetired: row.is_retired as boolean,
  };
}

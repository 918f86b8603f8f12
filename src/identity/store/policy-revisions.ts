import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Query } from '../../database/session/sql-session.js';
import type { IdentifierKind } from '../domain/kinds.js';
import type { Revision, TightenedLimit } from '../domain/revise-policy.js';
import type { ChangeNote } from '../domain/writes.js';
import type { ContactRepository } from './contact.repository.js';
import * as contactSql from './contact.statements.js';
import { Contact } from './entities/contact.js';
import * as sql from './policy.statements.js';
import { changeInsertion } from './write-queries.js';

/** Links to primaries, counted from one primary on. */
export interface CountedStep {
  /** How many were read. */
  readonly read: number;
  /** The primary of the last one; 0: there was none. It may have more. */
  readonly lastId: number;
  /** The identities that have most of what is limited, the largest first. */
  readonly largest: readonly { readonly primaryId: number; readonly count: number }[];
  /** How many identities have more than the limit. */
  readonly total: number;
}

/** In place of the number of a kind: contacts are counted, and no values. */
const CONTACTS = -1;

/** Writes what changes in the policies of tenants, and counts what lowered limits leave above them. */
@Injectable()
export class PolicyRevisions {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /**
   * Writes a revision of a policy, and records it as a change.
   *
   * @param version that of the policy that was revised
   * @returns the change; null: the policy has another version now, and nothing was written
   */
  async revise(
    tenantId: number,
    version: number,
    { maxContacts, revisedKinds }: Revision,
    note: ChangeNote,
  ): Promise<{ readonly changeId: number } | null> {
    const limit = Number.isFinite(maxContacts) ? maxContacts : null;
    const revised = this.session.transaction(async (transaction) => {
      const [[drawn = {}] = []] = await transaction.send([contactSql.DRAW, 0, 0, 1, 0, 0]);
      const [changeId, now] = [Number((drawn.change_ids as unknown[])[0]), Number(drawn.now)];
      const [found = []] = await transaction.send([sql.REVISE_POLICY, tenantId, version, limit, now]);
      if (found.length === 0 && version > 0) {
        return null;
      }
      // Until its first change, a policy has no row, or one that only counts changes of blocked values.
      const began: Query[] = found.length === 0 ? [[sql.BEGIN_POLICY, tenantId, limit, now]] : [];
      const updates = revisedKinds.map((kind) => kindUpdate(tenantId, kind));
      const results = await transaction.send(...began, ...updates);
      const added = revisedKinds.filter((_, i) => results[began.length + i]!.length === 0);
      await transaction.commit(
        ...added.map((kind) => kindInsertion(tenantId, kind)),
        ...changeInsertion(tenantId, note, changeId, (id) => id, now),
      );
      return { changeId };
    }, tenantId);
    return revised.catch((error: unknown) => {
      if (isBegunElsewhere(error)) {
        return null;
      }
      throw error;
    });
  }

  /**
   * Counts the contacts or values of identities that a limit is about, along the links to the primaries after one.
   *
   * @param read how many links to read at most
   * @param limit tells of so many identities at most
   */
  async countExceeding(
    tenantId: number,
    { name, max }: TightenedLimit,
    after: number,
    read: number,
    limit: number,
  ): Promise<CountedStep> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const kind = name === 'maxContacts' ? CONTACTS : kinds.named(name).number;
    const rows = await this.session.query(
      [sql.COUNT_EXCEEDING, tenantId, after, read, kind, max, limit],
      tenantId,
    );
    const [end, ...largest] = rows;
    return {
      read: Number(end!.counted),
      lastId: Number(end!.id),
      largest: largest.map(({ id, counted }) => ({ primaryId: Number(id), count: Number(counted) })),
      total: Number(largest[0]?.exceeding ?? 0),
    };
  }
}

/** Whether another writer gave the tenant its first row in the meantime. */
function isBegunElsewhere(error: unknown): boolean {
  return String((error as { message?: unknown }).message).includes('tenant_policy_pkey');
}

function kindUpdate(tenantId: number, kind: IdentifierKind): Query {
  const { number, name, maxLength, priority, onePerIdentity, maxPerIdentity, isRetired } = kind;
  const limits = [priority, onePerIdentity, maxPerIdentity, isRetired];
  return [sql.UPDATE_KIND, tenantId, number, name, maxLength, ...limits];
}

function kindInsertion(tenantId: number, kind: IdentifierKind): Query {
  const { number, name, normaliser, maxLength, priority, onePerIdentity, maxPerIdentity, isRetired } = kind;
  const limits = [priority, onePerIdentity, maxPerIdentity, isRetired];
  return [sql.INSERT_KIND, tenantId, number, name, normaliser, maxLength, ...limits];
}

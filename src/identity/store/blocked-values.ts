import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row } from '../../database/session/sql-session.js';
import { retryUnavailable } from '../../database/session/unavailable.js';
import { isGlob, literalStart, matcherOf, type BlockedPattern, type Pattern } from '../domain/blocklist.js';
import type { Identifier } from '../domain/contact.js';
import type { Kinds } from '../domain/kinds.js';
import { DEFAULT_MAX_CONTACTS } from '../domain/policy.js';
import { LAST_CHARACTER } from '../domain/search.js';
import { turn } from '../turns.js';
import * as sql from './blocked.statements.js';
import type { ContactRepository } from './contact.repository.js';
import { Contact } from './entities/contact.js';
import { keyColumns } from './identifier-columns.js';
import { LOAD_POLICY } from './policy.statements.js';
import { HOLDERS_OF } from './rule.statements.js';

/** Identifiers that one statement reads: about 20 ms. */
const STEP = 20_000;
/** Identities whose contacts one statement counts. */
const COUNTED_AT_ONCE = 500;

/** A pattern that is blocked. */
export interface StoredBlocked extends BlockedPattern {
  /** In µs since 1970. */
  readonly createdAt: number;
}

/** An identifier that a pattern matches and that somebody has. */
export interface Carried extends Identifier {
  readonly contactId: number;
  /** The primary of the identity that has it, and its version. */
  readonly primaryId: number;
  readonly version: number;
}

/** The values of a tenant that may not link, and who carries them. */
@Injectable()
export class BlockedValues {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /**
   * The patterns that are blocked, by age.
   *
   * @param after the last one that was seen, or 0
   */
  async list(tenantId: number, after: number, limit: number): Promise<StoredBlocked[]> {
    return this.told(tenantId, [sql.BLOCKED_AFTER, tenantId, after, limit]);
  }

  /** One that is blocked; null if there is none with this id. */
  async find(tenantId: number, id: number): Promise<StoredBlocked | null> {
    const [blocked] = await this.list(tenantId, id - 1, 1);
    return blocked?.id === id ? blocked : null;
  }

  /** Those of the patterns that are blocked, in no order. */
  async findAll(tenantId: number, patterns: readonly Pattern[]): Promise<StoredBlocked[]> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const keys = keyColumns(kinds, patterns.map(asIdentifier));
    return this.told(tenantId, [sql.FIND_BLOCKED, tenantId, ...keys]);
  }

  /** Makes sure that the policy of a tenant has a row, which counts its changes. */
  async startPolicy(tenantId: number): Promise<void> {
    const rows = await this.query(tenantId, [LOAD_POLICY, tenantId]);
    if (rows.length === 0) {
      await this.query(tenantId, [sql.START_POLICY, tenantId, DEFAULT_MAX_CONTACTS]).catch(
        (error: unknown) => {
          if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) {
            throw error;
          }
        },
      );
    }
  }

  /**
   * The identifiers that the patterns match and that somebody has, some at a time. What changes meanwhile may be missing.
   *
   * An exact value is looked up. For a glob, all identifiers are read that begin as it does; of phone numbers with two forms all
   * of the country, because one may match that looks different.
   */
  async *carried(tenantId: number, patterns: readonly Pattern[]): AsyncGenerator<readonly Carried[]> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const exact = kinds.withOtherForms(patterns.filter(({ pattern }) => !isGlob(pattern)).map(asIdentifier));
    for (let at = 0; at < exact.length; at += STEP) {
      const keys = keyColumns(kinds, exact.slice(at, at + STEP));
      const rows = await this.query(tenantId, [HOLDERS_OF, tenantId, ...keys]);
      yield await this.withPrimaries(
        tenantId,
        rows.map((row) => heldOf(kinds, row)),
      );
    }
    for (const glob of patterns.filter(({ pattern }) => isGlob(pattern))) {
      yield* this.matching(tenantId, kinds, glob);
    }
  }

  /** How many live contacts carry the identifiers. */
  async countCarriers(tenantId: number, carried: readonly Carried[]): Promise<number> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    let count = 0;
    for (const [kind, ofKind] of Map.groupBy(carried, (each) => each.kind)) {
      for (let at = 0; at < ofKind.length; at += COUNTED_AT_ONCE) {
        const part = ofKind.slice(at, at + COUNTED_AT_ONCE);
        const primaryIds = [...new Set(part.map(({ primaryId }) => primaryId))];
        const values = part.map(({ value }) => value);
        const number = kinds.named(kind).number;
        const [row] = await this.query(tenantId, [sql.COUNT_CARRIERS, tenantId, primaryIds, number, values]);
        count += Number(row!.contacts);
      }
    }
    return count;
  }

  private async *matching(
    tenantId: number,
    kinds: Kinds,
    { kind, pattern }: Pattern,
  ): AsyncGenerator<readonly Carried[]> {
    const literal = literalStart(pattern);
    const withForms = kinds.startsWithForms(kind);
    const start = withForms.find((each) => literal.startsWith(each)) ?? literal;
    const range = [kinds.named(kind).number, start, `${start}${LAST_CHARACTER}`] as const;
    const likes = [likeOf(pattern), ...withForms.map((each) => `${each}%`)];
    const isMatch = matcherOf([{ kind, pattern }], kinds);
    for (let last = '', read = STEP; read === STEP;) {
      const rows = await this.query(tenantId, [sql.MATCHING_AFTER, tenantId, ...range, last, STEP, likes]);
      const end = rows.find((row) => row.read !== null);
      last = (end?.value as string | null) ?? last;
      read = Number(end?.read);
      const held = rows
        .filter((row) => row !== end)
        .map(({ value, contact_id: id }) => ({ kind, value: value as string, contactId: Number(id) }))
        .filter(isMatch);
      await turn(rows.length);
      yield await this.withPrimaries(tenantId, held);
    }
  }

  /** What is held by a contact, with the primary of that. */
  private async withPrimaries(
    tenantId: number,
    held: readonly (Identifier & { readonly contactId: number })[],
  ): Promise<Carried[]> {
    // A reserved identifier has no contact, whose number is 0 then.
    const contactIds = [...new Set(held.map(({ contactId }) => contactId))].filter((id) => id > 0);
    const rows =
      contactIds.length === 0 ? [] : await this.query(tenantId, [sql.PRIMARIES_OF, tenantId, contactIds]);
    const primaries = new Map(
      rows.map(({ id, root, version }) => [
        Number(id),
        { primaryId: Number(root), version: Number(version) },
      ]),
    );
    return held.flatMap((each) => {
      const primary = primaries.get(each.contactId);
      return primary === undefined ? [] : [{ ...each, ...primary }];
    });
  }

  private async told(tenantId: number, query: Query): Promise<StoredBlocked[]> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const rows = await this.query(tenantId, query);
    return rows.map(({ id, kind, pattern, created_at: createdAt }) => ({
      id: Number(id),
      kind: kinds.numbered(Number(kind)).name,
      pattern: pattern as string,
      createdAt: Number(createdAt),
    }));
  }

  private async query(tenantId: number, query: Query): Promise<readonly Row[]> {
    return retryUnavailable(() => this.session.query(query, tenantId));
  }
}

/** The pattern of `like` that matches the same. */
function likeOf(pattern: string): string {
  return pattern.replaceAll(/[\\%_]/g, '\\$&').replaceAll('*', '%');
}

const UNIQUE_VIOLATION = '23505';

function asIdentifier({ kind, pattern }: Pattern): Identifier {
  return { kind, value: pattern };
}

function heldOf(
  kinds: Kinds,
  { kind, value, contact_id: id }: Row,
): Identifier & { readonly contactId: number } {
  return { kind: kinds.numbered(Number(kind)).name, value: value as string, contactId: Number(id) };
}

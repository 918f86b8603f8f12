import { MikroORM } from '@mikro-orm/core';
import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { Settings } from '../config/settings.js';
import { openSession } from '../database/session/open-session.js';
import type { Query, Row, Transaction } from '../database/session/sql-session.js';
import { retryUnavailable } from '../database/session/unavailable.js';
import { InvalidRequestError } from '../http/problems/problem.errors.js';
import { IdempotencyKeyInFlightError, IdempotencyKeyReusedError } from '../identity/change.errors.js';
import { IdentityMetrics } from '../identity/identity.metrics.js';
import { KEY_CONSTRAINT, RELEASE_KEY } from '../identity/store/change.statements.js';
import type { ChangeKind } from '../identity/domain/writes.js';
import { UnauthorizedError } from '../access/access.errors.js';
import { formatApiKey, generateApiKey, hashSecret, type ApiKeyText } from '../access/api-key-text.js';
import { KeyDirectory } from '../access/key-directory.js';
import {
  KeyEndedError,
  KeyLimitError,
  KeyNotFoundError,
  KeyShownBeforeError,
  OwnKeyError,
} from './key.errors.js';
import * as sql from './key.statements.js';
import type { Scope } from '../access/scope.js';

/** How many keys of a tenant may work. Each has calls of its own, so more keys are more calls. */
export const KEYS_MAX = 200;
/** How long the holder of a key can use its successor to repair what went wrong with it. */
const OWN_OVERLAP_MIN_S = 300;

/** A key as its administrators see it. Times are in µs since 1970. */
export interface StoredKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  /** null: the limit of the service */
  readonly callsPerMinute: number | null;
  readonly createdAt: number;
  /** null: never */
  readonly expiresAt: number | null;
  /** null: it was not */
  readonly revokedAt: number | null;
  /** To the minute; null: it was not used. */
  readonly lastUsedAt: number | null;
}

/** A key with its text, which is shown only now. */
export interface ShownKey {
  readonly key: StoredKey;
  readonly text: string;
}

/** What a new key is to be. */
export interface KeyTerms {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** null: as many as the key that makes it */
  readonly callsPerMinute: number | null;
  /** In µs since 1970; null: never */
  readonly expiresAt: number | null;
}

/** A call that changes keys: everything of it but what is to be changed. */
export interface KeyCall {
  readonly tenantId: number;
  /** The key of the caller; null: callers do not authenticate. */
  readonly keyId: string | null;
  /** Its limit; null: that of the service. */
  readonly callsPerMinute: number | null;
  readonly actor: string;
  readonly reason: string | null;
  /** The method and the path */
  readonly route: string;
  /** null: none was sent */
  readonly idempotencyKey: string | null;
}

/** What a change of keys writes, and what it is about. */
interface KeyChange {
  readonly keyIds: readonly string[];
  readonly queries: readonly Query[];
}

/** The API keys of a tenant, as its own administrators see and change them. Operators have the command line. */
@Injectable()
export class KeysService {
  private readonly session = openSession(this.orm.em);

  constructor(
    private readonly orm: MikroORM,
    private readonly settings: Settings,
    private readonly directory: KeyDirectory,
    private readonly metrics: IdentityMetrics,
  ) {}

  /** A page of the keys, the oldest first, with those that no longer work. @param after the last one seen; null: none */
  async list(
    tenantId: number,
    after: Pick<StoredKey, 'createdAt' | 'id'> | null,
    limit: number,
  ): Promise<{ readonly items: readonly StoredKey[]; readonly isLast: boolean }> {
    const rows = await retryUnavailable(() =>
      this.session.query(
        [sql.KEYS_AFTER, tenantId, after?.createdAt ?? 0, after?.id ?? '', limit + 1],
        tenantId,
      ),
    );
    return { items: rows.slice(0, limit).map(keyOf), isLast: rows.length <= limit };
  }

  /**
   * Makes a key. It works at once.
   *
   * @throws {InvalidRequestError} if it may make more calls than the key that makes it, or would never work
   * @throws {KeyLimitError}
   * @throws {KeyShownBeforeError} if the call was made before under its idempotency key
   * @throws {UnauthorizedError} if the key of the caller was revoked a moment ago
   */
  async create(call: KeyCall, terms: KeyTerms): Promise<ShownKey> {
    const callsPerMinute = this.callsOf(call, terms.callsPerMinute);
    if (terms.expiresAt !== null && terms.expiresAt <= Date.now() * 1000) {
      throw new InvalidRequestError([{ field: 'expiresAt', message: 'expiresAt must be in the future' }]);
    }
    const made = generateApiKey();
    const keys = await this.change(call, 'key', terms, [], async (transaction) => {
      await requireRoom(transaction, call.tenantId, KEYS_MAX);
      return { keyIds: [made.id], queries: [insertion(call.tenantId, made, { ...terms, callsPerMinute })] };
    });
    return { key: keys.get(made.id)!, text: formatApiKey(made) };
  }

  /**
   * Makes a successor of a key: with the same name, scopes, limit and end. Both work for a while.
   *
   * @param overlapSeconds for how long the old key still works, unless it ends before
   * @throws {InvalidRequestError} if the own key would end too soon to repair what went wrong with its successor
   * @throws {KeyNotFoundError}
   * @throws {KeyEndedError} if the old key no longer works
   * @throws as {@link create}
   */
  async rotate(
    call: KeyCall,
    id: string,
    overlapSeconds: number,
  ): Promise<ShownKey & { readonly previous: StoredKey }> {
    if (id === call.keyId && overlapSeconds < OWN_OVERLAP_MIN_S) {
      const message = `overlapSeconds must be at least ${OWN_OVERLAP_MIN_S} for the key that makes the call`;
      throw new InvalidRequestError([{ field: 'overlapSeconds', message }]);
    }
    const { tenantId } = call;
    const made = generateApiKey();
    const keys = await this.change(
      call,
      'key-rotate',
      { overlapSeconds },
      [id],
      async (transaction, held) => {
        const old = held.get(id)!;
        if (old.is_in_force !== true) {
          throw new KeyEndedError(id);
        }
        // The old key goes after a while, so a tenant that has as many as it may can still rotate them.
        await requireRoom(transaction, tenantId, 2 * KEYS_MAX);
        return {
          keyIds: [id, made.id],
          queries: [
            [sql.END_LATER, tenantId, id, overlapSeconds * 1000],
            insertion(tenantId, made, keyOf(old)),
          ],
        };
      },
    );
    this.directory.forget(id);
    return { key: keys.get(made.id)!, text: formatApiKey(made), previous: keys.get(id)! };
  }

  /**
   * Revokes a key for good, with its sessions of the console: in this process at once, on every replica within five seconds. A key
   * that was revoked before stays as it is.
   *
   * @throws {OwnKeyError} if it is the key of the caller
   * @throws {KeyNotFoundError}
   * @throws {UnauthorizedError} if the key of the caller was revoked a moment ago
   */
  async revoke(call: KeyCall, id: string): Promise<void> {
    if (id === call.keyId) {
      throw new OwnKeyError();
    }
    // Revoked again, it stays revoked: the call is safe to repeat as it is.
    const repeatable = { ...call, idempotencyKey: null };
    await this.change(repeatable, 'key-revoke', {}, [id], (_transaction, keys) =>
      Promise.resolve(
        keys.get(id)!.revoked_at === null
          ? { keyIds: [id], queries: [[sql.REVOKE, call.tenantId, id]] }
          : null,
      ),
    );
    this.directory.forget(id);
  }

  /** The limit of a new key: at most that of the key that makes it, because operators set limits. */
  private callsOf({ callsPerMinute: own }: KeyCall, wanted: number | null): number | null {
    const most = own ?? this.settings.callsPerMinute;
    if (wanted !== null && wanted > most) {
      const message = `callsPerMinute must be at most ${most}, the limit of the key that makes the call`;
      throw new InvalidRequestError([{ field: 'callsPerMinute', message }]);
    }
    return wanted ?? own;
  }

  /**
   * Changes keys in a transaction that holds those that it is about, and that of the caller, and records the change.
   *
   * @param about ids of keys that must be there
   * @param decide what to write; null: nothing
   * @returns the keys that it was about, by id, as they are now; empty: nothing was written
   */
  private async change(
    call: KeyCall,
    kind: ChangeKind,
    body: object,
    about: readonly string[],
    decide: (transaction: Transaction, keys: ReadonlyMap<string, Row>) => Promise<KeyChange | null>,
  ): Promise<ReadonlyMap<string, StoredKey>> {
    const { tenantId, keyId, actor, reason, idempotencyKey } = call;
    const requestHash = idempotencyKey === null ? null : hashOf(call, body);
    let isWriting = false;
    const attempt = (): Promise<readonly Row[]> =>
      this.session.transaction(async (transaction) => {
        await this.refuseRepetition(transaction, call, requestHash);
        const keys = await lockKeys(transaction, tenantId, keyId, about);
        const change = await decide(transaction, keys);
        if (change === null) {
          return [];
        }
        const [[drawn] = []] = await transaction.send([sql.DRAW_CHANGE_ID], ...change.queries);
        isWriting = true;
        const [rows = []] = await transaction.commit(
          [sql.KEYS_OF, tenantId, change.keyIds],
          [
            sql.INSERT_KEY_CHANGE,
            tenantId,
            Number(drawn!.id),
            kind,
            actor,
            reason,
            idempotencyKey,
            requestHash,
            change.keyIds,
          ],
        );
        return rows;
      }, tenantId);
    // If nobody knows whether a key was made, another one is not made: the caller repeats, and learns of the first one.
    const rows = await retryUnavailable(attempt, () => !isWriting).catch((error: unknown) => {
      throw isHeldElsewhere(error) ? new IdempotencyKeyInFlightError() : error;
    });
    if (rows.length > 0) {
      this.metrics.changed(kind);
    }
    return new Map(rows.map((row) => [String(row.id), keyOf(row)]));
  }

  /** @throws if the call was made before under its idempotency key */
  private async refuseRepetition(
    transaction: Transaction,
    { tenantId, idempotencyKey }: KeyCall,
    requestHash: string | null,
  ): Promise<void> {
    if (idempotencyKey === null) {
      return;
    }
    const [[made] = []] = await transaction.send(
      [sql.FIND_KEY_CHANGE, tenantId, idempotencyKey],
      [RELEASE_KEY, tenantId, idempotencyKey],
    );
    if (made !== undefined) {
      throw made.request_hash === requestHash && Array.isArray(made.key_ids)
        ? new KeyShownBeforeError(String(made.key_ids.at(-1)))
        : new IdempotencyKeyReusedError();
    }
  }
}

/**
 * Holds the keys that a change is about, and that of the caller, until the end of the transaction. Two keys that revoke each other
 * at the same time so wait for each other, and the later one finds that it was revoked: one that administers stays.
 *
 * @returns the keys by id; those that were revoked are not held
 */
async function lockKeys(
  transaction: Transaction,
  tenantId: number,
  callerId: string | null,
  about: readonly string[],
): Promise<ReadonlyMap<string, Row>> {
  const ids = [...new Set([...about, ...(callerId === null ? [] : [callerId])])];
  if (ids.length === 0) {
    return new Map();
  }
  const [, found = []] = await transaction.send([sql.LOCK_KEYS, tenantId, ids], [sql.KEYS_OF, tenantId, ids]);
  const keys = new Map(found.map((row) => [String(row.id), row]));
  if (callerId !== null && keys.get(callerId)?.is_in_force !== true) {
    throw new UnauthorizedError(false);
  }
  const missing = about.find((id) => !keys.has(id));
  if (missing !== undefined) {
    throw new KeyNotFoundError(missing);
  }
  return keys;
}

/** @throws {KeyLimitError} if no more keys may be made */
async function requireRoom(transaction: Transaction, tenantId: number, max: number): Promise<void> {
  const [[counted] = []] = await transaction.send([sql.COUNT_IN_FORCE, tenantId]);
  if (Number(counted!.count) >= max) {
    throw new KeyLimitError(max);
  }
}

function insertion(
  tenantId: number,
  { id, secret }: ApiKeyText,
  { name, scopes, callsPerMinute, expiresAt }: Omit<KeyTerms, 'scopes'> & Pick<StoredKey, 'scopes'>,
): Query {
  return [sql.INSERT_KEY, tenantId, id, name, hashSecret(secret), scopes, callsPerMinute, expiresAt];
}

function hashOf({ route, reason }: KeyCall, body: object): string {
  return createHash('sha256')
    .update(JSON.stringify([route, { ...body, reason }]))
    .digest('base64url');
}

function isHeldElsewhere(error: unknown): boolean {
  return String((error as { message?: unknown }).message).includes(KEY_CONSTRAINT);
}

function keyOf(row: Row): StoredKey {
  return {
    id: row.id as string,
    name: row.name as string,
    scopes: row.scopes as string[],
    callsPerMinute: numberOrNull(row.calls_per_minute),
    createdAt: Number(row.created_at),
    expiresAt: numberOrNull(row.expires_at),
    revokedAt: numberOrNull(row.revoked_at),
    lastUsedAt: numberOrNull(row.last_used_at),
  };
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}

import { EntityRepository } from '@mikro-orm/postgresql';
import { openSession } from '../database/session/open-session.js';
import type { Statement } from '../database/session/sql-session.js';
import type { ApiKey } from './entities/api-key.js';

/** What decides whether a call may pass. */
export interface KnownKey {
  readonly id: string;
  /** What it is for, as its administrator said. */
  readonly name: string;
  readonly tenantId: number;
  readonly tenantName: string;
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array;
  readonly scopes: ReadonlySet<string>;
  /** Calls per minute; null: the limit of the service. */
  readonly callsPerMinute: number | null;
  /** In ms since 1970; Infinity: never. */
  readonly expiresAt: number;
  /** Revoked, or its tenant is disabled. */
  readonly isRevoked: boolean;
}

/** $1 ids → the existing keys among them. */
export const FIND: Statement = {
  name: 'api_key_find',
  text: `select k.id, k.name, k.tenant_id, t.name as tenant_name, k.hash, k.scopes, k.calls_per_minute,
      (extract(epoch from k.expires_at) * 1000)::bigint as expires_at,
      k.revoked_at is not null or t.disabled_at is not null as is_revoked
    from api_key k cross join lateral (select name, disabled_at from tenant where id = k.tenant_id limit 1) t
    where k.id = any($1::text[])`,
};

/** $1 ids → notes that these keys were just used. Locks in the order of ids, as other replicas do. */
export const RECORD_USE: Statement = {
  name: 'api_key_record_use',
  text: `update api_key set last_used_at = now()
    where id = any(array(select id from api_key where id = any($1::text[]) order by id for no key update))`,
};

/** The statements of a running service about keys. Administration uses the ORM's own methods. */
export class ApiKeyRepository extends EntityRepository<ApiKey> {
  private readonly session = openSession(this.getEntityManager());

  /** The keys with these ids, revoked and expired ones too. Unknown ids are left out. */
  async load(ids: readonly string[]): Promise<KnownKey[]> {
    const rows = await this.session.query([FIND, ids], null);
    return rows.map((row) => ({
      id: String(row.id),
      name: String(row.name),
      tenantId: Number(row.tenant_id),
      tenantName: String(row.tenant_name),
      hash: row.hash as Uint8Array,
      scopes: new Set(row.scopes as string[]),
      callsPerMinute: row.calls_per_minute === null ? null : Number(row.calls_per_minute),
      expiresAt: row.expires_at === null ? Infinity : Number(row.expires_at),
      isRevoked: row.is_revoked as boolean,
    }));
  }

  /** Notes that the keys were just used. */
  async recordUse(ids: readonly string[]): Promise<void> {
    await this.session.query([RECORD_USE, ids], null);
  }
}

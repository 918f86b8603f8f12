import { LockMode, type EntityManager } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { TENANT_SETTING } from '../database/session/sql-session.js';
import { AdministrationError } from './access.errors.js';
import { formatApiKey, generateApiKey, hashSecret } from './api-key-text.js';
import { ApiKey } from './entities/api-key.js';
import { Tenant } from './entities/tenant.js';
import type { Scope } from './scope.js';

/** A key to be made. */
export interface NewKey {
  readonly tenant: string;
  /** What it is for, in the operator's words. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly callsPerMinute: number | null;
  /** null: never */
  readonly expiresAt: Date | null;
}

/** A new key. Its text is shown to the operator once and stored nowhere. */
export interface MadeKey {
  readonly id: string;
  readonly text: string;
}

/** What operators do with tenants and their keys. */
export class KeyAdministration {
  constructor(private readonly em: SqlEntityManager) {}

  /** All tenants, disabled ones too, the oldest first. */
  tenants(): Promise<Tenant[]> {
    return this.em.find(Tenant, {}, { orderBy: { id: 'asc' } });
  }

  /** @throws {AdministrationError} if a tenant has that name */
  async createTenant(name: string): Promise<Tenant> {
    if ((await this.em.count(Tenant, { name })) > 0) {
      throw new AdministrationError(`The tenant ${JSON.stringify(name)} exists already.`);
    }
    const [row] = await this.em.execute<{ id: number }[]>(`select nextval('tenant_id_seq')::int as id`);
    const tenant = this.em.create(Tenant, { id: row!.id, name, createdAt: new Date(), disabledAt: null });
    await this.em.flush();
    return tenant;
  }

  /**
   * Disables a tenant, so that none of its keys works, or enables it again. Its identities stay.
   *
   * @throws {AdministrationError} if no tenant has that name
   */
  async setTenantEnabled(name: string, isEnabled: boolean): Promise<void> {
    const tenant = await this.tenant(this.em, name);
    tenant.disabledAt = isEnabled ? null : (tenant.disabledAt ?? new Date());
    await this.em.flush();
  }

  /** @param tenant name of a tenant; null: all tenants */
  async keys(tenant: string | null): Promise<ApiKey[]> {
    const where = tenant === null ? {} : { tenant: (await this.tenant(this.em, tenant)).id };
    return this.em.find(ApiKey, where, {
      populate: ['tenant'],
      orderBy: { tenant: 'asc', createdAt: 'asc' },
    });
  }

  /** @throws {AdministrationError} if there is no such tenant */
  async createKey({ tenant, name, scopes, callsPerMinute, expiresAt }: NewKey): Promise<MadeKey> {
    const owner = await this.tenant(this.em, tenant);
    return this.make(this.em, { tenant: owner, name, scopes: [...scopes], callsPerMinute, expiresAt });
  }

  /**
   * Creates a successor of a key. Both work for a while, so that the holder can change from one to the other.
   *
   * @param graceMs for how long the old key still works, unless it expires before
   * @throws {AdministrationError} if there is no such key, or it no longer works
   */
  async rotateKey(id: string, graceMs: number): Promise<MadeKey> {
    return this.em.transactional(async (em) => {
      const old = await this.key(em, id);
      const now = new Date();
      if (old.revokedAt !== null || (old.expiresAt !== null && old.expiresAt <= now)) {
        throw new AdministrationError(`The key ${id} no longer works. Create a new one.`);
      }
      const { tenant, name, scopes, callsPerMinute, expiresAt } = old;
      const made = await this.make(em, { tenant, name, scopes, callsPerMinute, expiresAt });
      const end = new Date(now.getTime() + graceMs);
      old.expiresAt = old.expiresAt !== null && old.expiresAt < end ? old.expiresAt : end;
      return made;
    });
  }

  /**
   * Revokes a key. This can't be undone.
   *
   * @returns whether it was not revoked before
   * @throws {AdministrationError} if there is no such key
   */
  async revokeKey(id: string): Promise<boolean> {
    const key = await this.key(this.em, id);
    const wasInForce = key.revokedAt === null;
    key.revokedAt ??= new Date();
    await this.em.flush();
    return wasInForce;
  }

  /**
   * Records a change of keys, so that it shows in `GET /changes` as those over HTTP do. In the transaction of the change, or it
   * fails: the setting that names the tenant ends with the transaction.
   *
   * @param keyIds keys of one tenant
   */
  async record(
    actor: string,
    kind: 'key' | 'key-rotate' | 'key-revoke',
    keyIds: readonly [string, ...string[]],
  ): Promise<void> {
    const { tenant } = await this.key(this.em, keyIds[0]);
    // on a cluster a function does not reach the node of the tenant; elsewhere the first setting means nothing
    await this.em.execute(`set local citus.propagate_set_commands = 'local'`);
    await this.em.execute(`set local ${TENANT_SETTING} = ${tenant.id}`);
    await this.em.execute(
      `insert into change (tenant_id, id, kind, at, actor, is_changed, contact_ids, key_ids)
        values (?, nextval('change_id_seq'), ?, now(), ?, true, '{}', ?)`,
      [tenant.id, kind, actor, `{${keyIds.join(',')}}`],
    );
  }

  private async make(
    em: EntityManager,
    {
      tenant,
      name,
      scopes,
      callsPerMinute,
      expiresAt,
    }: Pick<ApiKey, 'tenant' | 'name' | 'scopes' | 'callsPerMinute' | 'expiresAt'>,
  ): Promise<MadeKey> {
    const made = generateApiKey();
    em.create(ApiKey, {
      id: made.id,
      tenant,
      name,
      hash: hashSecret(made.secret),
      scopes,
      callsPerMinute,
      createdAt: new Date(),
      expiresAt,
      revokedAt: null,
      lastUsedAt: null,
    });
    await em.flush();
    return { id: made.id, text: formatApiKey(made) };
  }

  private async tenant(em: EntityManager, name: string): Promise<Tenant> {
    const tenant = await em.findOne(Tenant, { name });
    if (tenant === null) {
      throw new AdministrationError(
        `There is no tenant ${JSON.stringify(name)}; \`tenants list\` shows all tenants.`,
      );
    }
    return tenant;
  }

  private async key(em: EntityManager, id: string): Promise<ApiKey> {
    const isLocked = em.isInTransaction();
    const key = await em.findOne(ApiKey, { id }, isLocked ? { lockMode: LockMode.PESSIMISTIC_WRITE } : {});
    if (key === null) {
      throw new AdministrationError(`There is no key ${JSON.stringify(id)}; \`keys list\` shows all ids.`);
    }
    return key;
  }
}

/**
 * The id of the tenant that an operator means.
 *
 * @param name null: the only tenant
 * @throws {AdministrationError} if no tenant has that name, or there are several and none is named
 */
export async function chosenTenant(em: EntityManager, name: string | null): Promise<number> {
  const tenants = await em.find(Tenant, name === null ? {} : { name }, { orderBy: { id: 'asc' }, limit: 2 });
  const [tenant, another] = tenants;
  if (tenant === undefined) {
    throw new AdministrationError(
      `There is no tenant ${JSON.stringify(name)}; \`tenants list\` shows all tenants.`,
    );
  }
  if (another !== undefined) {
    throw new AdministrationError('There are several tenants. Choose one with --tenant.');
  }
  return tenant.id;
}

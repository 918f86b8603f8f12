import { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { ormOptions } from '../../mikro-orm.config.js';
import { KeyAdministration, type NewKey } from '../../src/access/key-administration.js';
import { Settings } from '../../src/config/settings.js';

/** The administration of keys on a database, as the command line uses it. */
export interface Keys extends Omit<KeyAdministration, never> {
  /** The text of a new key, with all scopes that are not said otherwise. */
  make(key?: Partial<NewKey>): Promise<string>;
  close(): Promise<void>;
}

export async function administerKeys(databaseUrl: string): Promise<Keys> {
  const orm = await MikroORM.init({
    ...ormOptions(new Settings({ DATABASE_URL: databaseUrl }), 'migrate'),
    colors: false,
    logger: () => undefined,
  });
  const fresh = (): KeyAdministration => new KeyAdministration(orm.em.fork() as SqlEntityManager);
  return {
    tenants: () => fresh().tenants(),
    createTenant: (name) => fresh().createTenant(name),
    setTenantEnabled: (name, isEnabled) => fresh().setTenantEnabled(name, isEnabled),
    keys: (tenant) => fresh().keys(tenant),
    createKey: (key) => fresh().createKey(key),
    rotateKey: (id, graceMs) => fresh().rotateKey(id, graceMs),
    revokeKey: (id) => fresh().revokeKey(id),
    record: (...change) => fresh().record(...change),
    make: async (key = {}) =>
      (
        await fresh().createKey({
          tenant: 'default',
          name: 'test',
          scopes: ['identify', 'read', 'curate', 'delete'],
          callsPerMinute: null,
          expiresAt: null,
          ...key,
        })
      ).text,
    close: () => orm.close(),
  };
}

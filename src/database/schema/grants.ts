import type { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { SettingsError } from '../../config/settings.js';

/** Exactly what a running service needs: it creates no tenants, and changes no schema. A policy keeps revoked keys revoked. */
const GRANTS = [
  'select, insert, update, delete on contact',
  'select, insert, update, delete on identifier',
  'select, insert, delete, update (undone_by, email, phone_number, identifiers) on identity_merge',
  'select, insert, update (email, phone_number, identifiers), delete on contact_past',
  'select, insert, delete, update (value, other_value) on do_not_link',
  'usage on sequence rule_id_seq',
  'select, insert, update on tenant_policy',
  'select, insert, update on identifier_kind',
  'select, insert, delete on blocked_value',
  'usage on sequence blocked_value_id_seq',
  'select, insert, update, delete on review',
  'usage on sequence review_id_seq',
  'select, insert, update on change',
  'select, insert, update on erasure',
  'select, insert, update on erased_value',
  'select, insert, delete on event_outbox',
  'usage on sequence event_outbox_id_seq',
  'select, insert, update on event_head',
  'select, insert, delete on event_log',
  'select, insert, update, delete on webhook',
  'usage on sequence webhook_id_seq',
  'select, insert, update, delete on webhook_delivery',
  'usage on sequence contact_id_seq',
  'usage on sequence identity_merge_id_seq',
  'usage on sequence change_id_seq',
  'select on tenant',
  'select, insert, update (last_used_at, expires_at, revoked_at) on api_key',
  'select, insert, delete, update (last_used_at) on console_session',
  'select, insert, update, delete on rate_limit',
  // It shows whether the schema is what the service needs.
  'select on mikro_orm_migrations',
];

/**
 * Grants the role of the replicas what they need. May be repeated.
 *
 * @param role name of a role: letters, digits and underscores
 * @throws {SettingsError} if there is no such role
 */
export async function grantService(orm: MikroORM, role: string): Promise<void> {
  await (orm.em.fork() as SqlEntityManager).transactional(async (em) => {
    // If two processes grant on a table at the same time, PostgreSQL fails with `tuple concurrently updated`.
    await em.execute('lock table mikro_orm_migrations in share row exclusive mode');
    if ((await em.execute('select from pg_roles where rolname = ?', [role])).length === 0) {
      throw new SettingsError(
        `DATABASE_SERVICE_ROLE: the role ${role} does not exist; deploy/postgresql/roles.sql creates it`,
      );
    }
    for (const grant of GRANTS) {
      await em.execute(`grant ${grant} to "${role}"`);
    }
  });
}

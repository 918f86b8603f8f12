import type { Statement } from '../../database/session/sql-session.js';

/** → a row if the tenant has another policy than the default one. */
export const LOAD_POLICY: Statement = {
  name: 'tenant_policy_load',
  text: 'select version, generation, max_contacts from tenant_policy where tenant_id = $1',
};

/** → the kinds of identifiers that a tenant has declared, and the standard ones that it has changed. */
export const LOAD_KINDS: Statement = {
  name: 'identifier_kind_load',
  text: `select number, name, normaliser, max_length, priority, one_per_identity, max_per_identity, is_retired
    from identifier_kind where tenant_id = $1 order by number`,
};

/** → the patterns of the values that link nobody. */
export const LOAD_BLOCKED: Statement = {
  name: 'blocked_value_load',
  text: 'select id, kind, pattern from blocked_value where tenant_id = $1 order by id',
};

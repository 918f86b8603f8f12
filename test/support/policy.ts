import type { IdentifierKind } from '../../src/identity/domain/kinds.js';
import type { TestDatabase } from './database.js';

/** The shop's own number of a customer: two of them are never one person's. */
export const CUSTOMER_ID: IdentifierKind = {
  name: 'customerId',
  number: 2,
  normaliser: 'trim',
  priority: 10,
  maxLength: 64,
  onePerIdentity: true,
  maxPerIdentity: null,
  isRetired: false,
};

/** The weakest kind, of any case. */
export const LOYALTY_CARD: IdentifierKind = {
  name: 'loyaltyCard',
  number: 3,
  normaliser: 'lowercase',
  priority: 40,
  maxLength: 20,
  onePerIdentity: false,
  maxPerIdentity: null,
  isRetired: false,
};

/** Declares kinds for a tenant, or changes those that it has, as another process would. */
export async function declareKinds(
  database: Pick<TestDatabase, 'query'>,
  kinds: readonly IdentifierKind[],
  tenantId = 1,
): Promise<void> {
  for (const kind of kinds) {
    await database.query('delete from identifier_kind where tenant_id = $1 and number = $2', [
      tenantId,
      kind.number,
    ]);
    await database.query('insert into identifier_kind values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      tenantId,
      kind.number,
      kind.name,
      kind.normaliser,
      kind.maxLength,
      kind.priority,
      kind.onePerIdentity,
      kind.maxPerIdentity,
      kind.isRetired,
    ]);
  }
  await database.query(
    `merge into tenant_policy p using (select $1::int as tenant_id) t on p.tenant_id = t.tenant_id
      when matched then update set version = version + 1, generation = generation + 1, updated_at = $2
      when not matched then insert values (t.tenant_id, 1, 1, 1000, $2)`,
    // a cluster merges only what is the same for all rows
    [tenantId, new Date()],
  );
}

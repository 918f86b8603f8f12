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
    `insert into tenant_policy values ($1, 1, 1, 1000, now()) on conflict (tenant_id)
      do update set version = tenant_policy.version + 1, generation = tenant_policy.generation + 1`,
    [tenantId],
  );
}

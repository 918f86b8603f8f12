import type { Query, Transaction } from '../../database/session/sql-session.js';
import { FREE_CLAIMS, KEEP_RESERVED } from './contact.statements.js';
import type { Kinds } from '../domain/kinds.js';
import type { RenamedIdentifier, Renaming } from '../domain/writes.js';
import { inKeyOrder, keyColumns } from './identifier-columns.js';
import { partsOf } from './large-writes.js';
import { RENAME_OTHERS, RENAME_RULES } from './renormalise.statements.js';
import { RULES_OF, DELETE_RULES } from './rule.statements.js';

/**
 * Gives identifiers another value, under the locks of the transaction: the rules about the old ones pass to the new ones, and the
 * old ones are free. The new ones must be claimed or reserved already.
 *
 * @returns false if an identifier is reserved no more, or somebody made or lifted a rule about one meanwhile
 */
export async function rename(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  { identifiers, endedRuleIds }: Renaming,
): Promise<boolean> {
  const reserved = inKeyOrder(
    kinds,
    identifiers.filter(({ isReserved }) => isReserved),
  ).map(({ kind, value }): Query => [KEEP_RESERVED, tenantId, kinds.named(kind).number, value]);
  const results = await transaction.send(
    ...reserved,
    ...partsOf(identifiers).map((part): Query => [RULES_OF, tenantId, ...keyColumns(kinds, part)]),
  );
  if (results.slice(0, reserved.length).some((rows) => rows.length === 0)) {
    return false;
  }
  const found = new Set(
    results
      .slice(reserved.length)
      .flat()
      .map((row) => Number(row.rule_id)),
  );
  const known = new Set(identifiers.flatMap(({ rules }) => rules.map(({ id }) => id)));
  // A rule that is gone is no matter: an erasure removes rules without touching who has the other identifier.
  if ([...found].some((id) => !known.has(id))) {
    return false;
  }
  const staying = [...found].filter((id) => !endedRuleIds.includes(id));
  await transaction.send(
    ...partsOf(endedRuleIds).map((ids): Query => [DELETE_RULES, tenantId, ids]),
    ...(staying.length === 0 ? [] : ruleRenamings(kinds, tenantId, identifiers, staying)),
    ...ofEachKind(kinds, identifiers).map(([kind, ofKind]): Query => [
      FREE_CLAIMS,
      tenantId,
      kind,
      ofKind.map(({ value }) => value),
    ]),
  );
  return true;
}

function ruleRenamings(
  kinds: Kinds,
  tenantId: number,
  identifiers: readonly RenamedIdentifier[],
  ruleIds: readonly number[],
): Query[] {
  const ruled = identifiers.filter(({ rules }) => rules.length > 0);
  return ofEachKind(kinds, ruled).flatMap(([kind, ofKind]): Query[] => {
    const values = ofKind.map(({ value }) => value);
    const forms = JSON.stringify(Object.fromEntries(ofKind.map(({ value, to }) => [value, to])));
    return [
      [RENAME_RULES, tenantId, ruleIds, kind, values, forms],
      [RENAME_OTHERS, tenantId, ruleIds, kind, values, forms],
    ];
  });
}

function ofEachKind(
  kinds: Kinds,
  identifiers: readonly RenamedIdentifier[],
): [kind: number, part: readonly RenamedIdentifier[]][] {
  const byKind = Map.groupBy(identifiers, ({ kind }) => kinds.named(kind).number);
  return [...byKind].flatMap(([kind, ofKind]) =>
    partsOf(ofKind).map((part): [number, readonly RenamedIdentifier[]] => [kind, part]),
  );
}

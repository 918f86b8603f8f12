import type { Statement } from '../../database/session/sql-session.js';
import { microsOf, timeOf } from './contact.statements.js';

// Each rule is two rows, one for each side: the rules of an identifier are found by the primary key. The side that was named
// second is marked, so that a rule is told in the order in which it was made. The rules of `contact.statements.ts` apply.

/** The columns of a side, and who made the rule and why. */
const TOLD = `d.rule_id, d.kind, d.value, d.other_kind, d.other_value, d.is_reverse,
    ${microsOf('d.created_at')} as created_at, c.actor, c.reason`;
const SIDE = 'rule_id, kind, value, other_kind, other_value, is_reverse, created_at, change_id';
const WITH_CHANGE = `left join lateral (
    select actor, reason from change where tenant_id = $1 and id = d.change_id limit 1) c on true`;

/** $2 kinds, $3 values → the rules about one of these identifiers, from its side. */
export const RULES_OF: Statement = {
  name: 'do_not_link_of',
  text: `select ${TOLD} from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
      select ${SIDE} from do_not_link
      where tenant_id = $1 and kind = v.kind and value = v.value
      order by other_kind, other_value offset 0) d
    ${WITH_CHANGE}`,
};

/** $2 the last rule seen, $3 how many → the next rules, in order. */
export const RULES_AFTER: Statement = {
  name: 'do_not_link_after',
  text: `select ${TOLD} from (
      select ${SIDE} from do_not_link
      where tenant_id = $1 and rule_id > $2 and is_reverse is null order by rule_id limit $3) d
    ${WITH_CHANGE}
    order by d.rule_id`,
};

/**
 * $2 kinds, $3 values → the identifiers that anybody has, or that are reserved, with the contact that holds each (null: it is
 * reserved).
 */
export const HOLDERS_OF: Statement = {
  name: 'identifier_holders',
  text: `select v.kind, v.value, i.contact_id from unnest($2::smallint[], $3::text[]) v(kind, value)
    cross join lateral (
      select contact_id from identifier where tenant_id = $1 and kind = v.kind and value = v.value limit 1) i`,
};

/**
 * $2 kinds, $3 values, $4 the last rule seen, $5 how many → the next rules about one of these identifiers, in order.
 *
 * The last rule is compared outside of the look-up. Inside, the ids of rules could be read for each identifier, all of them.
 */
export const RULES_OF_AFTER: Statement = {
  name: 'do_not_link_of_after',
  text: `with n as materialized (
    select distinct d.rule_id as id from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
      select rule_id from do_not_link
      where tenant_id = $1 and kind = v.kind and value = v.value
      order by other_kind, other_value offset 0) d
    where d.rule_id > $4
    order by id limit $5::int)
  select ${TOLD} from n cross join lateral (
      select ${SIDE} from do_not_link
      where tenant_id = $1 and rule_id = n.id and is_reverse is null order by rule_id limit 1) d
    ${WITH_CHANGE}
    order by d.rule_id`,
};

/**
 * $2 change → the rules that it made, in order.
 *
 * Bounds and an order instead of an equality: so that no plan reads all rules of the tenant, because the table held few when it
 * was made.
 */
export const RULES_OF_CHANGE: Statement = {
  name: 'do_not_link_of_change',
  text: `select ${TOLD} from (
      select ${SIDE} from do_not_link
      where tenant_id = $1 and change_id >= $2 and change_id <= $2 and is_reverse is null order by change_id offset 0) d
    ${WITH_CHANGE}
    order by d.rule_id`,
};

/**
 * By side: $2 ids of rules, $3 kinds and $4 values of the identifier, $5 and $6 of the other one, $7 whether it is the second side
 * (null: no); $8 change, $9 time. The identifiers, which the foreign key locks, are in the same order as for claims.
 */
export const INSERT_RULES: Statement = {
  name: 'do_not_link_insert',
  text: `insert into do_not_link
      (tenant_id, rule_id, kind, value, other_kind, other_value, is_reverse, change_id, created_at)
    values ($1, unnest($2::bigint[]), unnest($3::smallint[]), unnest($4::text[]), unnest($5::smallint[]), unnest($6::text[]),
      unnest($7::boolean[]), $8::bigint, ${timeOf('$9')})`,
};

/** $2 ids of rules → a row for each side that is deleted. */
export const DELETE_RULES: Statement = {
  name: 'do_not_link_delete',
  text: 'delete from do_not_link where tenant_id = $1 and rule_id = any($2::bigint[]) and rule_id is not null returning rule_id',
};

/** $2 kind, $3 value → nobody has the identifier, and it is free again, unless an erasure reserves it for a while. */
export const FREE_RESERVATION: Statement = {
  name: 'identifier_free_reservation',
  text: `delete from identifier
    where tenant_id = $1 and kind = $2 and value = $3 and contact_id is null and erasure_id is null`,
};

/** $2 kind, $3 value → a row if the identifier was reserved for rules alone, and has none any more: it is free again. */
export const FREE_UNRULED: Statement = {
  name: 'identifier_free_unruled',
  text: `delete from identifier i
    where tenant_id = $1 and kind = $2 and value = $3 and contact_id is null and erasure_id is null and not exists (
      select from do_not_link d where d.tenant_id = $1 and d.kind = i.kind and d.value = i.value)
    returning value`,
};

import type { Statement } from '../../database/session/sql-session.js';
import { microsOf, timeOf } from './contact.statements.js';

// A review is about a pair of identifiers. In a row the first is the lower one, by (kind, value). The index of pairs is used by
// statements that say `kind >= 0`, so that no other one is planned by it. The rules of `contact.statements.ts` apply.

/** $2 kinds and $3 values of the lower identifiers, $4 and $5 of the others → the reviews of these pairs. */
export const REVIEWS_OF: Statement = {
  name: 'review_of',
  text: `select r.* from unnest($2::smallint[], $3::text[], $4::smallint[], $5::text[])
      v(kind, value, other_kind, other_value) cross join lateral (
    select id, kind, value, other_kind, other_value, decision from review
    where tenant_id = $1 and kind >= 0 and kind = v.kind and value = v.value and other_kind = v.other_kind
      and other_value = v.other_value
    limit 1) r`,
};

/**
 * $2 ids, $3 kinds and $4 values of the lower identifiers, $5 and $6 of the others, $7 reasons, $8 time. A plain insert: it must fail
 * if another process opened the review of a pair first. All writers send the same order.
 */
export const INSERT_REVIEWS: Statement = {
  name: 'review_insert',
  text: `insert into review (tenant_id, id, kind, value, other_kind, other_value, reason, created_at)
    values ($1, unnest($2::bigint[]), unnest($3::smallint[]), unnest($4::text[]), unnest($5::smallint[]), unnest($6::text[]),
      unnest($7::text[]), ${timeOf('$8')})`,
};

const TOLD = `id, kind, value, other_kind, other_value, reason, decision,
    ${microsOf('created_at')} as created_at`;

/** $2 the last review seen, $3 how many → the next reviews, in order. */
export const REVIEWS_AFTER: Statement = {
  name: 'review_after',
  text: `select ${TOLD} from review where tenant_id = $1 and id > $2 order by id limit $3`,
};

/** As {@link REVIEWS_AFTER}, but only those that nobody has decided on. */
export const OPEN_REVIEWS_AFTER: Statement = {
  name: 'review_open_after',
  text: `select ${TOLD} from review where tenant_id = $1 and id > $2 and decision is null order by id limit $3`,
};

/** $2 kinds, $3 values → the identifiers that somebody has, with the contact that holds each and its primary. */
export const HOLDERS_OF: Statement = {
  name: 'review_holders',
  text: `select v.kind, v.value, c.id, c.root from unnest($2::smallint[], $3::text[]) v(kind, value)
    cross join lateral (
      select contact_id from identifier where tenant_id = $1 and kind = v.kind and value = v.value limit 1) i
    cross join lateral (
      select id, coalesce(linked_id, id) as root from contact where tenant_id = $1 and id = i.contact_id limit 1) c`,
};

/** $2 kinds and $3 values of identifiers, $4 and $5 of others → the pairs that have a rule, with the change that made it. */
export const RULED_PAIRS: Statement = {
  name: 'do_not_link_pairs',
  text: `select v.*, d.change_id from unnest($2::smallint[], $3::text[], $4::smallint[], $5::text[])
      v(kind, value, other_kind, other_value) cross join lateral (
    select change_id from do_not_link
    where tenant_id = $1 and kind = v.kind and value = v.value and other_kind = v.other_kind and other_value = v.other_value
    limit 1) d`,
};

/**
 * $2 ids → the reviews that nobody else holds, with the decision of each, and the time of the database in µs since 1970. They are
 * locked. Waits for none, so the order does not matter.
 */
export const LOCK_FREE_REVIEWS: Statement = {
  name: 'review_lock_free',
  text: `select r.*, ${microsOf('clock_timestamp()')} as now
    from unnest($2::bigint[]) u(id) cross join lateral (
    select id, decision from review where tenant_id = $1 and id = u.id limit 1 for no key update skip locked) r`,
};

/**
 * $2 id, $3 decision, $4 change (null: none), $5 time → a row if the review was open. `coalesce`, so that the index of open
 * reviews can't be used: it could be read to its end.
 */
export const DECIDE_REVIEW: Statement = {
  name: 'review_decide',
  text: `update review set decision = $3, change_id = $4::bigint, decided_at = ${timeOf('$5')}
    where tenant_id = $1 and id = $2 and coalesce(decision, '') = '' returning id`,
};

/**
 * $2 kind and $3 value of the lower identifier, $4 and $5 of the other, $6 change, $7 time → a row if there was an open review of
 * the pair: a rule is the decision.
 */
export const DECIDE_BY_RULE: Statement = {
  name: 'review_decide_by_rule',
  text: `update review set decision = 'keep-apart', change_id = $6::bigint, decided_at = ${timeOf('$7')}
    where tenant_id = $1 and kind >= 0 and kind = $2 and value = $3 and other_kind = $4 and other_value = $5
      and coalesce(decision, '') = '' returning id`,
};

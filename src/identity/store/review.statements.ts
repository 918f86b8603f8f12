import type { Statement } from '../../database/session/sql-session.js';
import { timeOf } from './contact.statements.js';

// A review is about a pair of identifiers. In a row the first is the lower one, by (kind, value). The rules of
// `contact.statements.ts` apply.

/** $2 kinds and $3 values of the lower identifiers, $4 and $5 of the others → the reviews of these pairs. */
export const REVIEWS_OF: Statement = {
  name: 'review_of',
  text: `select r.* from unnest($2::smallint[], $3::text[], $4::smallint[], $5::text[])
      v(kind, value, other_kind, other_value) cross join lateral (
    select id, kind, value, other_kind, other_value from review
    where tenant_id = $1 and kind = v.kind and value = v.value and other_kind = v.other_kind and other_value = v.other_value
    limit 1) r`,
};

/**
 * $2 ids, $3 kinds and $4 values of the lower identifiers, $5 and $6 of the others, $7 reasons, $8 time. A plain insert: it must fail
 * if another process opened the review of a pair first.
 */
export const INSERT_REVIEWS: Statement = {
  name: 'review_insert',
  text: `insert into review (tenant_id, id, kind, value, other_kind, other_value, reason, created_at)
    select $1, u.id, u.kind, u.value, u.other_kind, u.other_value, u.reason, ${timeOf('$8')}
    from unnest($2::bigint[], $3::smallint[], $4::text[], $5::smallint[], $6::text[], $7::text[])
      u(id, kind, value, other_kind, other_value, reason)
    order by u.kind, u.value collate "C", u.other_kind, u.other_value collate "C"`,
};

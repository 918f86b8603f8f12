import type { Statement } from '../../database/session/sql-session.js';

// What is stored under an older normal form. The rules of `contact.statements.ts` apply.

/** $2 kind, $3 the last value seen, $4 how many → the next identifiers, those that are reserved too. */
export const IDENTIFIERS_AFTER: Statement = {
  name: 'renormalise_identifiers_after',
  text: `select value from identifier where tenant_id = $1 and kind = $2::smallint and value > $3 order by value limit $4::int`,
};

/** $2 the last rule seen, $3 how many → the identifiers of the next rules. */
export const RULES_AFTER: Statement = {
  name: 'renormalise_rules_after',
  text: `select rule_id as id, kind, value, other_kind, other_value from do_not_link
    where tenant_id = $1 and rule_id > $2::bigint and is_reverse is null order by rule_id limit $3::int`,
};

/** $2 the last review seen, $3 how many → the identifiers of the next reviews. */
export const REVIEWS_AFTER: Statement = {
  name: 'renormalise_reviews_after',
  text: `select id, kind, value, other_kind, other_value from review
    where tenant_id = $1 and id > $2::bigint order by id limit $3::int`,
};

/** $2 the last merge seen, $3 how many → the sightings of the next merges. */
export const MERGES_AFTER: Statement = {
  name: 'renormalise_merges_after',
  text: `select id, email, phone_number, identifiers from identity_merge
    where tenant_id = $1 and id > $2::bigint order by id limit $3::int`,
};

/**
 * $2 merges, $3 by old email, as JSON, the new one, $4 as $3 for phone numbers, $5 for others, as `number:value` → the merges that
 * have one of the old values have the new one. What an erasure has removed meanwhile does not come back.
 */
export const RENAME_MERGES: Statement = {
  name: 'identity_merge_rename',
  text: `update identity_merge set email = coalesce($3::jsonb ->> email, email),
      phone_number = coalesce($4::jsonb ->> phone_number, phone_number),
      identifiers = (select jsonb_object_agg(key, coalesce($5::jsonb ->> (key || ':' || value), value))
        from jsonb_each_text(identifiers))
    where tenant_id = $1 and id = any($2::bigint[])`,
};

/** $2 ids of rules, $3 kind, $4 values, $5 by value, as JSON, the new one → the sides of the rules that have one of the values. */
export const RENAME_RULES: Statement = {
  name: 'do_not_link_rename',
  text: `update do_not_link set value = $5::jsonb ->> value
    where tenant_id = $1 and rule_id = any($2::bigint[]) and rule_id is not null and kind = $3 and value = any($4::text[])`,
};

/** As {@link RENAME_RULES}, for the other identifier of each side. */
export const RENAME_OTHERS: Statement = {
  name: 'do_not_link_rename_others',
  text: `update do_not_link set other_value = $5::jsonb ->> other_value
    where tenant_id = $1 and rule_id = any($2::bigint[]) and rule_id is not null and other_kind = $3
      and other_value = any($4::text[])`,
};

/** $2 id, $3 and $4 the values of its identifiers, $5 and $6 the new ones → a row if the review still had the old ones. */
export const RENAME_REVIEW: Statement = {
  name: 'review_rename',
  text: `update review set value = $5, other_value = $6
    where tenant_id = $1 and id = $2 and value = $3 and other_value = $4 returning id`,
};

/** $2 id → a row if the review was open and is gone. */
export const REMOVE_OPEN_REVIEW: Statement = {
  name: 'review_remove_open',
  text: `delete from review where tenant_id = $1 and id = $2 and coalesce(decision, '') = '' returning id`,
};

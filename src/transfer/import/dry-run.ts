import type { Settings } from '../../config/settings.js';
import type { SqlSession, Statement } from '../../database/session/sql-session.js';
import type { Sighting } from '../../identity/domain/contact.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import { distinctKeyColumns } from '../../identity/store/identifier-columns.js';

/**
 * Temporary tables for an import that must not write. They have the same names as the real ones, and every statement on
 * this connection finds them first. They start empty; before each batch the identities it may concern are copied in.
 *
 * The session must have one connection only. The server refuses all other writes on it (see `readOnly`), so nothing is
 * written even if the connection is lost, and the temporary tables with it.
 */
export class DryRun {
  private constructor(
    private readonly session: SqlSession,
    /** Where the real tables are. */
    readonly schema: string,
    private readonly reading: Statement,
    private readonly kinds: Kinds,
  ) {}

  static async start(session: SqlSession, kinds: Kinds): Promise<DryRun> {
    const [row] = await session.query([SCHEMA], null);
    const schema = String(row!.schema);
    await session.transaction(async (transaction) => {
      await transaction.commit(
        ...shadows(schema).map((text, i) => [{ name: `dry_run_${i}`, text }] as const),
      );
    }, null);
    return new DryRun(session, schema, readOf(schema), kinds);
  }

  /** Also hides the rules, with all of a tenant copied in, and the records of changes. */
  async hideChanges(tenantId: number): Promise<void> {
    await this.session.transaction(async (transaction) => {
      await transaction.commit(
        ...shadowChanges(this.schema).map((text, i) => [{ name: `dry_run_change_${i}`, text }] as const),
        [copyRules(this.schema), tenantId],
      );
    }, tenantId);
  }

  /** Copies in the identities that share an identifier with the sightings. */
  async prepare(tenantId: number, sightings: readonly Sighting[]): Promise<void> {
    const keys = distinctKeyColumns(this.kinds, sightings);
    await this.session.transaction(async (transaction) => {
      const [rows = []] = await transaction.send([NOT_COPIED, tenantId, ...keys]);
      const [[found] = []] = await transaction.send([
        this.reading,
        tenantId,
        rows.map(({ kind }) => kind),
        rows.map(({ value }) => value),
      ]);
      await transaction.commit([COPY_IN, tenantId, found?.contacts ?? '[]', found?.claims ?? '[]']);
    }, tenantId);
  }
}

/** The settings of a dry run, whose decisions leave no events. */
export function forDryRun(settings: Settings): Settings {
  return { ...settings, databaseUrl: readOnly(settings.databaseUrl), hasEvents: false };
}

/** The URL with which the server refuses to write anything but temporary tables; null (the embedded database) stays null. */
export function readOnly(databaseUrl: string | null): string | null {
  if (databaseUrl === null) {
    return null;
  }
  const url = new URL(databaseUrl);
  const given = url.searchParams.get('options');
  url.searchParams.set('options', `${given ?? ''} -c default_transaction_read_only=on`.trim());
  return url.href;
}

export const SCHEMA: Statement = {
  name: 'dry_run_schema',
  text: `select quote_ident(nspname) as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = 'contact'::regclass`,
};

function shadows(schema: string): string[] {
  return [
    'set transaction read write',
    // Of the usual 8 MB most pages of 100,000 rows must be read again and again. The server takes what is needed of it.
    `set temp_buffers = '128MB'`,
    ...['contact', 'contact_past', 'identifier', 'identity_merge', 'review'].map(shadowOf(schema)),
    ...['contact_id_seq', 'identity_merge_id_seq', 'review_id_seq'].flatMap(sequenceOf(schema)),
    // Of temporary tables there are no statistics at first, and not every connection comes with this.
    'set enable_seqscan = off',
    'set default_transaction_read_only = on',
  ];
}

function shadowChanges(schema: string): string[] {
  return [
    'set transaction read write',
    ...['change', 'do_not_link'].map(shadowOf(schema)),
    ...['change_id_seq', 'rule_id_seq'].flatMap(sequenceOf(schema)),
  ];
}

function shadowOf(schema: string): (table: string) => string {
  return (table) => `create temp table ${table} (like ${schema}.${table} including all)`;
}

function sequenceOf(schema: string): (sequence: string) => string[] {
  return (sequence) => [
    `create temp sequence ${sequence}`,
    // ids continue after those in use, without using any
    `select setval('pg_temp.${sequence}', last_value + 1) from ${schema}.${sequence}`,
  ];
}

/** $1 tenant → its rules are in the temporary table. */
export function copyRules(schema: string): Statement {
  return {
    name: 'dry_run_copy_rules',
    text: `insert into pg_temp.do_not_link select * from ${schema}.do_not_link where tenant_id = $1`,
  };
}

// What the real tables hold is read, and sent back for the temporary ones: no statement of Citus may see both. It stays the text that
// the server wrote.

/** $2 kinds, $3 their values → those that were not copied in before. */
export const NOT_COPIED: Statement = {
  name: 'dry_run_not_copied',
  text: `select kind, value from unnest($2::smallint[], $3::text[]) v(kind, value)
    where not exists
      (select from pg_temp.identifier where tenant_id = $1 and kind = v.kind and value = v.value offset 0)`,
};

/** $2 kinds, $3 their values → the rows of the identities that have one of them, and their claims and reservations, as JSON. */
export function readOf(schema: string): Statement {
  const members = (condition: string): string =>
    `select c.* from r cross join lateral (
      select * from ${schema}.contact where tenant_id = $1 and ${condition}) c`;
  const text = `with b as materialized (
    select v.kind, v.value, i.contact_id from unnest($2::smallint[], $3::text[]) v(kind, value) cross join lateral (
      select contact_id from ${schema}.identifier
      where tenant_id = $1 and kind = v.kind and value = v.value limit 1) i),
  r as materialized (
    select distinct coalesce(c.linked_id, c.id) as root
    from (select distinct contact_id from b where contact_id is not null) d cross join lateral (
      select id, linked_id from ${schema}.contact where tenant_id = $1 and id = d.contact_id limit 1) c),
  members as materialized (${members('id = r.root limit 1')} union all ${members('linked_id = r.root offset 0')}),
  held as (
    select 0::smallint as kind, email as value from members where deleted_at is null and email is not null
    union select 1, phone_number from members where deleted_at is null and phone_number is not null
    union select e.key::smallint, e.value from members cross join lateral jsonb_each_text(identifiers) e
      where deleted_at is null
    union select kind, value from b where contact_id is null),
  claims as (
    select i.* from held h cross join lateral (
      select * from ${schema}.identifier where tenant_id = $1 and kind = h.kind and value = h.value limit 1) i)
  select (select json_agg(members) from members)::text as contacts, (select json_agg(claims) from claims)::text as claims`;
  return { name: 'dry_run_read', text };
}

/**
 * $2 contacts, $3 claims and reservations, as JSON. What was copied before stays as the dry run has changed it: a claim that it took
 * from a contact does not come back.
 */
export const COPY_IN: Statement = {
  name: 'dry_run_copy_in',
  text: `with added as materialized (
    insert into pg_temp.contact
    select c.* from json_populate_recordset(null::pg_temp.contact, $2::json) c
    where not exists (select from pg_temp.contact where tenant_id = $1 and id = c.id offset 0)
    returning id)
  insert into pg_temp.identifier
  select i.* from json_populate_recordset(null::pg_temp.identifier, $3::json) i
  where (i.contact_id is null or i.contact_id in (select id from added))
    and not exists
      (select from pg_temp.identifier where tenant_id = $1 and kind = i.kind and value = i.value offset 0)`,
};

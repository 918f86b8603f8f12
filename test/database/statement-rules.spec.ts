import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Migration } from '@mikro-orm/migrations';
import { declaredStatements } from '../support/statements.js';

// What distributed PostgreSQL engines take, Citus first: tables spread by tenant, one tenant a transaction. Nothing here
// runs on one; this keeps new statements from making the way there longer.

/** Statements that break a rule, and why a cluster takes them all the same. */
const TAKEN_ALL_THE_SAME: Readonly<Record<string, string>> = {
  'dry_run_copy_in: changes more than one table': 'temporary tables are of one node',
  'dry_run_copy_in: uses temporary tables': 'temporary tables are of one node, and hold nothing of others',
  'dry_run_copy_rules: uses temporary tables': 'what is selected for a table of one node is fetched',
  'dry_run_not_copied: uses temporary tables': 'temporary tables are of one node, and hold nothing of others',
};

/** Keys, sessions, tenants and rate limits are looked up before the tenant is known: small tables, a copy on each node. */
const OF_NO_TENANT = new Set(['tenant', 'api_key', 'console_session', 'rate_limit', 'backfill']);

const LACKING: readonly (readonly [RegExp, string])[] = [
  [/advisory/, 'takes advisory locks'],
  [/\bon conflict\b/, 'asks for the outcome of a conflict, which is counted wrongly there'],
  [/\b(listen|notify)\b|pg_notify/, 'notifies'],
  [/\bcreate( or replace)?( constraint)? trigger\b/, 'makes a trigger'],
  [/\bcreate( or replace)? (function|procedure)\b/, 'makes a function'],
  [/\bdeferrable\b/, 'defers a constraint'],
  [/\bnulls not distinct\b/, 'makes nulls equal in a key'],
  [/\b(small|big)?serial\b|\bgenerated (always|by default) as identity\b/, 'draws ids in a column'],
  [/\bexclude using\b/, 'excludes by a constraint'],
  [/\bpg_temp\b|\b(create|into) temp/, 'uses temporary tables'],
  [/\block table\b/, 'locks a table'],
  [/^set (?!local |transaction )/, 'sets what outlives the transaction'],
  [/timestamptz '/, 'computes with a time zone that depends on the session'],
  [/\binsert into .* select .* from (unnest|generate_series)\b/, 'inserts what it selects from an array'],
  [
    /\binsert into \w+ \(tenant_id,[^)]*\) select \$1\b/,
    'inserts for a tenant that is a parameter of a select, so for any',
  ],
  [
    /\binsert into \w+ \([^)]*\) values (?:(?!\binsert\b).)*\( ?select\b/,
    'selects among the values that it inserts',
  ],
  [
    /\bupdate\b.*\b(clock_timestamp|nextval|random|gen_random_uuid)\(/,
    'changes rows to what differs from row to row',
  ],
  [
    /\breturning\b.*\b(now|to_char|current_setting)\(|\breturning\b.*\bextract\(\w+ from (?![^()]* at time zone)/,
    'returns what a session computes',
  ],
  // It ends the server there: the element is mistaken for one that is assigned to.
  [
    /\bset\b.* = \([^()]*\)\[(?:[^[\]]|\[\])*\](?=,| where| from|$)/,
    'sets a column to a bare element of an array',
  ],
];

/** What may not be the same each time it is computed. */
const NOT_IMMUTABLE =
  /\b(now|clock_timestamp|statement_timestamp|nextval|random|current_setting)\(|::timestamptz|timestamptz '/;

let tenantTables: string;

beforeAll(async () => {
  const names = (await migrations()).flatMap(({ sql }) =>
    [...sql.matchAll(/^create table (\w+)/g)].map(([, name]) => name!),
  );
  tenantTables = names.filter((name) => !OF_NO_TENANT.has(name)).join('|');
});

test('statements hold to what a distributed engine takes', async () => {
  const broken = (await declaredStatements()).flatMap(({ name, text }) =>
    rulesBrokenBy(plain(text)).map((rule) => `${name}: ${rule}`),
  );
  expect(broken.toSorted()).toEqual(Object.keys(TAKEN_ALL_THE_SAME).toSorted());
});

test('migrations hold to what a distributed engine takes', async () => {
  expect(tenantTables.split('|')).toEqual(
    expect.arrayContaining(['contact', 'identifier', 'identity_merge']),
  );
  const broken = (await migrations()).flatMap(({ name, sql }) => [
    ...lackingIn(sql).map((rule) => `${name}: ${rule}: ${sql}`),
    ...keysOf(sql).map((rule) => `${name}: ${rule}`),
  ]);
  expect(broken).toEqual([]);
});

test.each([
  ['select from contact where id = $1', 'names a table without its tenant'],
  ['select from contact c join identifier i on i.tenant_id = $1', 'names a table without its tenant'],
  ['insert into contact (id, tenant_id) values ($2, $1)', 'names a table without its tenant'],
  ['insert into contact (tenant_id, id) values ($2, $1)', 'names a table without its tenant'],
  [
    'with d as (delete from identifier where tenant_id = $1) update contact set version = 2 where tenant_id = $1',
    'changes more than one table',
  ],
  ['select coalesce($1, case when $2 then now() end)', 'computes in CASE or COALESCE what is not immutable'],
  [
    "select case when $1 then x else timestamptz 'epoch' end",
    'computes in CASE or COALESCE what is not immutable',
  ],
  [
    'insert into contact (tenant_id, id) values ($1, array(select u from unnest($2) u))',
    'selects among the values that it inserts',
  ],
  [
    'insert into contact (tenant_id, id) select $1, 2',
    'inserts for a tenant that is a parameter of a select, so for any',
  ],
  [
    'update contact set at = clock_timestamp() where tenant_id = $1',
    'changes rows to what differs from row to row',
  ],
  [
    'update contact set id = 1 where tenant_id = $1 returning extract(epoch from at)',
    'returns what a session computes',
  ],
  [
    'update contact set email = ($3::text[])[width_bucket(id, $2::bigint[])] where tenant_id = $1',
    'sets a column to a bare element of an array',
  ],
  [
    'update contact set email = ($3::text[])[1], id = 3 where tenant_id = $1',
    'sets a column to a bare element of an array',
  ],
])('the rules find what is wrong with: %s', (sql, rule) => {
  expect(rulesBrokenBy(sql)).toContain(rule);
});

function rulesBrokenBy(sql: string): string[] {
  const reads =
    sql.match(new RegExp(`\\b(from|join|update|using) (\\w+\\.)?(${tenantTables})\\b`, 'g')) ?? [];
  const named = sql.match(/\btenant_id = \$1(?!\d)/g) ?? [];
  const inserts = sql.match(new RegExp(`\\binsert into (${tenantTables})\\b`, 'g')) ?? [];
  const ofTenant =
    sql.match(
      new RegExp(
        `\\binsert into (${tenantTables}) \\(tenant_id, [^)]*\\) (values \\(\\$1|select (\\$1|tenant_id))\\b`,
        'g',
      ),
    ) ?? [];
  const unlocked = sql.replaceAll(/\bfor (no key )?update\b/g, '');
  const changes = unlocked.match(/\b(insert into|update|delete from) /g) ?? [];
  return [
    ...(named.length < reads.length || ofTenant.length < inserts.length
      ? ['names a table without its tenant']
      : []),
    ...(changes.length > 1 ? ['changes more than one table'] : []),
    ...(choicesIn(sql).some((choice) => NOT_IMMUTABLE.test(choice))
      ? ['computes in CASE or COALESCE what is not immutable']
      : []),
    ...lackingIn(sql),
  ];
}

function lackingIn(sql: string): string[] {
  return LACKING.filter(([pattern]) => pattern.test(sql)).map(([, rule]) => rule);
}

/** What stands in each CASE and COALESCE. */
function choicesIn(sql: string): string[] {
  const cases = [...sql.matchAll(/\bcase\b.*?\bend\b/g)].map(([text]) => text);
  const coalesces = [...sql.matchAll(/\bcoalesce\(/g)].map(({ index }) => balanced(sql.slice(index)));
  return [...cases, ...coalesces];
}

/** As far as the first bracket closes. */
function balanced(sql: string): string {
  let depth = 0;
  for (const [end, character] of [...sql].entries()) {
    depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    if (character === ')' && depth === 0) {
      return sql.slice(0, end);
    }
  }
  return sql;
}

/** Keys, indexes and references that a table spread by tenant can't have. */
function keysOf(sql: string): string[] {
  const table = /^create table (\w+)|^create (?:unique )?index \w+ on (\w+)|^alter table (\w+)/.exec(sql);
  const name = table?.[1] ?? table?.[2] ?? table?.[3];
  if (name === undefined || OF_NO_TENANT.has(name)) {
    return [];
  }
  const keys = [
    ...sql.matchAll(/\b(?:primary key|unique|foreign key|index \w+ on \w+|references \w+) \(([^)]*)\)/g),
  ];
  const references = sql.match(/\breferences\b/g) ?? [];
  const bare = sql.match(/\bon update no action on delete no action\b/g) ?? [];
  return [
    ...keys
      .filter(([, columns]) => !/^tenant_id\b/.test(columns!))
      .map(([key]) => `${name}: ${key} does not lead with the tenant`),
    ...(bare.length < references.length ? [`${name}: a reference changes what it refers from`] : []),
  ];
}

async function migrations(): Promise<{ name: string; sql: string }[]> {
  const statements: { name: string; sql: string }[] = [];
  for (const path of globSync('migrations/*.ts').toSorted()) {
    const exported = Object.values(
      (await import(resolve(path))) as Record<string, new (...none: never[]) => Migration>,
    );
    const migration = new exported[0]!();
    await migration.up();
    const queries = migration.getQueries().filter((query) => typeof query === 'string');
    statements.push(...queries.map((query) => ({ name: path, sql: plain(query) })));
  }
  return statements;
}

function plain(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim();
}

import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Statement } from '../../src/database/session/sql-session.js';
import { copyRules, readOf } from '../../src/transfer/import/dry-run.js';

const DECLARED = /\bname: '([a-z_]+)',\s+text\b/g;

/** Every statement that the source declares, by name. One that is declared but not exported is an error. */
export async function declaredStatements(): Promise<Statement[]> {
  // made for the schema that the tables are in
  const ofSchemas = [readOf('public'), copyRules('public')];
  const statements = new Map(ofSchemas.map((statement) => [statement.name, statement]));
  const missing = new Set<string>();
  for (const path of globSync('src/**/*.ts')) {
    const names = [...readFileSync(path, 'utf8').matchAll(DECLARED)].map(([, name]) => name!);
    if (names.length > 0) {
      const exported = Object.values((await import(resolve(path))) as Record<string, unknown>);
      exported.filter(isStatement).forEach((statement) => statements.set(statement.name, statement));
      names.filter((name) => !statements.has(name)).forEach((name) => missing.add(`${name} in ${path}`));
    }
  }
  if (missing.size > 0) {
    throw new Error(`export these statements, so that they are tested: ${[...missing].join(', ')}`);
  }
  return [...statements.values()];
}

function isStatement(value: unknown): value is Statement {
  const { name, text } = (value ?? {}) as Partial<Statement>;
  return typeof name === 'string' && typeof text === 'string';
}

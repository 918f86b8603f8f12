import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem, type as systemName } from 'node:os';
import pg from 'pg';

/** What figures depend on. No names of hosts or users: reports are published. */
export interface Machine {
  /** ISO date. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  readonly postgres: string;
  readonly postgresSettings: readonly string[];
  readonly packages: Readonly<Record<string, string>>;
  /** Short hash of the commit, with a plus sign if there are changes beyond it; null outside of a checkout. */
  readonly commit: string | null;
  readonly command: string;
}

const PACKAGES = ['@nestjs/core', 'fastify', '@mikro-orm/postgresql', 'pg', 'express'];

export async function describeMachine(url: string, postgresSettings: readonly string[]): Promise<Machine> {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: systemName(),
    node: process.version,
    postgres: await postgresVersion(url),
    postgresSettings,
    packages: Object.fromEntries(PACKAGES.map((name) => [name, packageVersion(name)])),
    commit: commit(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
      ' ',
    ),
  };
}

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string }>(
      `select current_setting('server_version') as version`,
    );
    return rows[0]!.version;
  } finally {
    await client.end();
  }
}

function packageVersion(name: string): string {
  const file = `node_modules/${name}/package.json`;
  return existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
    : 'unknown';
}

function commit(): string | null {
  try {
    const isChanged = git('status', '--porcelain', '--', 'src', 'migrations', 'bench') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+' : ''}`;
  } catch {
    return null;
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

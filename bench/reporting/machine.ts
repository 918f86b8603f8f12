import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem, type as systemName } from 'node:os';
import { onConnection } from '../../test/support/on-connection.js';
import type { DatabaseServer } from '../database/server.js';

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
  /** Name and version. */
  readonly packages: readonly string[];
  /** Short hash of the commit, with a plus sign if there are changes beyond it; null outside of a checkout. */
  readonly commit: string | null;
  readonly command: string;
}

const PACKAGES = ['@nestjs/core', 'fastify', '@mikro-orm/postgresql', 'pg', 'express'];

export async function describeMachine({ url, settings }: DatabaseServer): Promise<Machine> {
  const { rows } = await onConnection(url, (client) =>
    client.query<{ server_version: string }>('show server_version'),
  );
  const args = process.argv.slice(2);
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: systemName(),
    node: process.version,
    postgres: rows[0]!.server_version,
    postgresSettings: settings,
    packages: PACKAGES.map((name) => `${name} ${versionOf(name)}`),
    commit: commit(),
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
  };
}

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string })
    .version;
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

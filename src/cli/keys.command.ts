import { Command, InvalidArgumentError, Option } from 'commander';
import { AdministrationError } from '../access/access.errors.js';
import type { MadeKey } from '../access/key-administration.js';
import { SCOPES, type Scope } from '../access/scope.js';
import { duration, lifetime } from './durations.js';
import { wholeNumber } from './numbers.js';
import { minute, table } from './table.js';

const DAY_MS = 86_400_000;

export function keysCommand(): Command {
  return new Command('keys')
    .description(
      'API keys: what callers show when AUTH_MODE=api-key. Changes reach a running service within seconds.',
    )
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(rotateCommand())
    .addCommand(revokeCommand());
}

interface CreateFlags {
  readonly tenant: string;
  readonly scope: readonly Scope[];
  readonly expiresIn?: number;
  readonly callsPerMinute?: number;
}

function createCommand(): Command {
  return new Command('create')
    .description('Creates a key and shows it, once: of its secret only a hash is kept.')
    .argument('<name>', 'what it is for, such as crm', readName)
    .option('--tenant <name>', 'whose identities it opens, also where there are several tenants', 'default')
    .addOption(
      new Option('--scope <scopes...>', 'what it may do')
        .choices(SCOPES)
        .default(['identify', 'read'] as const),
    )
    .option('--expires-in <duration>', 'such as 90d (default: never)', lifetime)
    .option('--calls-per-minute <number>', 'a limit of its own', wholeNumber(1, 1_000_000_000))
    .action(async (name: string, { tenant, scope, expiresIn, callsPerMinute }: CreateFlags) => {
      const { administer } = await import('./open-administration.js');
      await administer(async (administration) =>
        show(
          await administration.createKey({
            tenant,
            name,
            scopes: [...new Set(scope)],
            callsPerMinute: callsPerMinute ?? null,
            expiresAt: expiresIn === undefined ? null : new Date(Date.now() + expiresIn),
          }),
        ),
      );
    });
}

function listCommand(): Command {
  return new Command('list')
    .description('Lists the keys, without their secrets.')
    .option('--tenant <name>', 'of one tenant (default: all)')
    .option('--json', 'as JSON')
    .action(async ({ tenant, json }: { tenant?: string; json?: true }) => {
      const { administer } = await import('./open-administration.js');
      const keys = await administer((administration) => administration.keys(tenant ?? null));
      const rows = keys.map(
        ({ id, name, scopes, callsPerMinute, createdAt, expiresAt, revokedAt, lastUsedAt, ...key }) => ({
          id,
          tenant: key.tenant.name,
          name,
          scopes,
          callsPerMinute,
          createdAt,
          expiresAt,
          revokedAt,
          lastUsedAt,
        }),
      );
      process.stdout.write(
        json
          ? `${JSON.stringify(rows)}\n`
          : table([
              ['ID', 'TENANT', 'NAME', 'SCOPES', 'CREATED', 'LAST USED', 'STATE'],
              ...rows.map((row) => [
                row.id,
                row.tenant,
                row.name,
                row.scopes.join(','),
                minute(row.createdAt),
                minute(row.lastUsedAt),
                stateOf(row),
              ]),
            ]),
      );
    });
}

function rotateCommand(): Command {
  return new Command('rotate')
    .description('Makes a key like another and shows it, once; the old one works for a while yet.')
    .argument('<id>', 'of the old key')
    .addOption(
      new Option('--grace <duration>', 'for how long the old key still works')
        .argParser(duration)
        .default(DAY_MS, '24h'),
    )
    .action(async (id: string, { grace }: { grace: number }) => {
      const { administer } = await import('./open-administration.js');
      await administer(async (administration) => show(await administration.rotateKey(idOf(id), grace)));
    });
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('Revokes a key for good.')
    .argument('<id>', 'of the key')
    .action(async (id: string) => {
      const { administer } = await import('./open-administration.js');
      await administer((administration) => administration.revokeKey(idOf(id)));
      process.stdout.write(`Revoked ${idOf(id)}\n`);
    });
}

/**
 * The key alone on the standard output, so that a script can take it.
 *
 * @throws {AdministrationError} if it can't be written: then there must be no key, for nobody would know it
 */
async function show({ id, text }: MadeKey): Promise<void> {
  process.stderr.write(`Key ${id}, shown this once:\n`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.stdout.once('error', reject);
  process.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()));
  await promise.catch((error: NodeJS.ErrnoException) => {
    throw new AdministrationError(`The key can't be shown (${error.code}), so it was not made.`);
  });
}

/** The public id, also of a whole key, however it was copied: an error would show its secret. */
function idOf(text: string): string {
  return /idr_([a-z0-9]{12})_/.exec(text)?.[1] ?? text;
}

function stateOf({ expiresAt, revokedAt }: { expiresAt: Date | null; revokedAt: Date | null }): string {
  if (revokedAt !== null) {
    return `revoked ${minute(revokedAt)}`;
  }
  return expiresAt === null
    ? 'valid'
    : `${expiresAt.getTime() <= Date.now() ? 'expired' : 'valid until'} ${minute(expiresAt)}`;
}

function readName(text: string): string {
  // A list of keys is read on a terminal, which control characters would command.
  if (text.trim() === '' || text.length > 100 || /[\p{Cc}\p{Cf}]/u.test(text)) {
    throw new InvalidArgumentError('It must be 1 to 100 characters, none of them a control character.');
  }
  return text;
}

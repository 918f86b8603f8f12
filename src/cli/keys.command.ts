import { Command, InvalidArgumentError, Option } from 'commander';
import { AdministrationError } from '../access/access.errors.js';
import type { MadeKey } from '../access/key-administration.js';
import { DEFAULT_SCOPES, SCOPES, type Scope } from '../access/scope.js';
import { readDuration, readLifetime, readWholeNumber } from './arguments.js';
import { ACTOR } from './ask.js';
import { minute, table } from './output.js';
import type { Terminal } from './terminal.js';

const DAY_MS = 86_400_000;

export function keysCommand(terminal: Terminal): Command {
  return new Command('keys')
    .description(
      'Manages API keys, which callers must show if AUTH_MODE=api-key. Changes reach a running service within seconds.',
    )
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(rotateCommand(terminal))
    .addCommand(revokeCommand(terminal));
}

interface CreateFlags {
  readonly tenant: string;
  readonly scope: readonly Scope[];
  readonly expiresIn?: number;
  readonly callsPerMinute?: number;
}

function createCommand(terminal: Terminal): Command {
  return new Command('create')
    .description('Creates a key and shows it once. The database keeps only a hash of its secret.')
    .argument('<name>', 'what the key is for, such as crm', readName)
    .option('--tenant <name>', 'tenant whose identities the key opens', 'default')
    .addOption(
      new Option('--scope <scopes...>', `what the key may do: ${SCOPES.join(', ')}`)
        .argParser(readScope)
        .default(DEFAULT_SCOPES),
    )
    .option('--expires-in <duration>', 'when the key ends, such as 90d (default: never)', readLifetime)
    .option(
      '--calls-per-minute <number>',
      'limit of the key (default: RATE_LIMIT_PER_MINUTE)',
      readWholeNumber(1, 1_000_000_000),
    )
    .action(async (name: string, { tenant, scope, expiresIn, callsPerMinute }: CreateFlags) => {
      const { administer } = await import('./open-administration.js');
      await administer(terminal.env, async (administration) => {
        const made = await administration.createKey({
          tenant,
          name,
          scopes: [...new Set(scope)],
          callsPerMinute: callsPerMinute ?? null,
          expiresAt: expiresIn === undefined ? null : new Date(Date.now() + expiresIn),
        });
        await administration.record(ACTOR, 'key', [made.id]);
        await show(terminal, made);
      });
    });
}

function listCommand(terminal: Terminal): Command {
  return new Command('list')
    .description('Lists the keys, without their secrets.')
    .option('--tenant <name>', 'keys of one tenant (default: all)')
    .option('--json', 'as JSON')
    .action(async ({ tenant, json }: { tenant?: string; json?: true }) => {
      const { administer } = await import('./open-administration.js');
      const keys = await administer(terminal.env, (administration) => administration.keys(tenant ?? null));
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
      terminal.print(
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

function rotateCommand(terminal: Terminal): Command {
  return new Command('rotate')
    .description('Creates a successor of a key and shows it once. The old key still works for a while.')
    .argument('<id>', 'id of the old key')
    .addOption(
      new Option('--grace <duration>', 'for how long the old key still works')
        .argParser(readDuration)
        .default(DAY_MS, '24h'),
    )
    .action(async (id: string, { grace }: { grace: number }) => {
      const { administer } = await import('./open-administration.js');
      await administer(terminal.env, async (administration) => {
        const made = await administration.rotateKey(idOf(id), grace);
        await administration.record(ACTOR, 'key-rotate', [idOf(id), made.id]);
        await show(terminal, made);
      });
    });
}

function revokeCommand(terminal: Terminal): Command {
  return new Command('revoke')
    .description('Revokes a key for good.')
    .argument('<id>', 'id of the key')
    .action(async (id: string) => {
      const { administer } = await import('./open-administration.js');
      await administer(terminal.env, async (administration) => {
        if (await administration.revokeKey(idOf(id))) {
          await administration.record(ACTOR, 'key-revoke', [idOf(id)]);
        }
      });
      terminal.print(`Revoked ${idOf(id)}\n`);
    });
}

/**
 * Writes only the key to the standard output, so that a script can read it.
 *
 * @throws {AdministrationError} if it can't be written; then the key must not be created, because nobody would know it
 */
async function show(terminal: Terminal, { id, text }: MadeKey): Promise<void> {
  terminal.printError(`Key ${id}. It is shown only once:\n`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  terminal.streams.stdout.once('error', reject);
  terminal.streams.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()));
  await promise.catch((error: NodeJS.ErrnoException) => {
    throw new AdministrationError(`The key can't be shown (${error.code}), so it was not created.`);
  });
}

/** The public id. Accepts a whole key too, because an error message would show its secret. */
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

/** Adds a scope to the ones before it. The first one replaces the default scopes. */
function readScope(text: string, previous: readonly Scope[]): Scope[] {
  const scope = SCOPES.find((each) => each === text);
  if (scope === undefined) {
    throw new InvalidArgumentError(
      `It must be one of ${SCOPES.join(', ')}. If it is the name of the key, put it before --scope.`,
    );
  }
  return previous === DEFAULT_SCOPES ? [scope] : [...previous, scope];
}

function readName(text: string): string {
  // `keys list` prints names on a terminal, where control characters would act as commands.
  if (text.trim() === '' || text.length > 100 || /[\p{Cc}\p{Cf}]/u.test(text)) {
    throw new InvalidArgumentError('It must be 1 to 100 characters, none of them a control character.');
  }
  return text;
}

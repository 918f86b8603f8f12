import { Command, Option } from 'commander';
import type { BlockRequest, CarrierCount } from '../identity/blocking.service.js';
import type { StoredBlocked } from '../identity/store/blocked-values.js';
import { counted } from '../transfer/amounts.js';
import type { OpenService } from '../transfer/open-service.js';
import { readContactId } from './arguments.js';
import { ask, changeOf } from './ask.js';
import { minute, table } from './output.js';
import type { Terminal } from './terminal.js';

const PAGE_SIZE = 200;
/** Progress is told so often. */
const PROGRESS_MS = 5_000;

export function blockedValuesCommand(terminal: Terminal): Command {
  return new Command('blocked-values')
    .description('Manages the values that may not link anybody, such as placeholders.')
    .addCommand(addCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(removeCommand(terminal));
}

interface AddFlags {
  readonly preset?: 'placeholders';
  readonly kind?: string;
  readonly pattern?: string;
  readonly existing: BlockRequest['existing'];
  readonly reason: string;
  readonly dryRun?: true;
  readonly tenant?: string;
  readonly quiet?: true;
  readonly json?: true;
}

function addCommand(terminal: Terminal): Command {
  return new Command('add')
    .description('Blocks a value, what a glob matches, or a preset. What is blocked already is no error.')
    .addOption(
      new Option('--preset <name>', 'a list of values that people type and nobody owns').choices([
        'placeholders',
      ]),
    )
    .option('--kind <kind>', 'kind of the value, such as email or phoneNumber')
    .option('--pattern <value>', 'a value; with a * a glob, in which * stands for any characters')
    .addOption(
      new Option(
        '--existing <what>',
        'what becomes of identities that have the value: they keep it, or it is taken from them',
      )
        .choices(['keep', 'split'])
        .default('keep'),
    )
    .option(
      '--reason <text>',
      'why; it is recorded, so put no identifiers in it',
      'Blocked with the command line',
    )
    .option('--dry-run', 'tell who has the values, and write nothing')
    .option('--tenant <name>', 'tenant of the values (default: the only tenant)')
    .option('--quiet', 'show no progress')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
split takes the values from every contact, deletes contacts that have no other, and lets identities fall apart that only
these values held together. Each identity is a transaction: if the command is stopped, run it again to finish it.

Exit codes: 0 the values are blocked, 2 the command could not run.`,
    )
    .action((flags: AddFlags, command: Command) => add(terminal, flags, command));
}

async function add(terminal: Terminal, flags: AddFlags, command: Command): Promise<void> {
  const { preset, kind, pattern } = flags;
  if (preset === undefined ? kind === undefined || pattern === undefined : (kind ?? pattern) !== undefined) {
    command.error('error: give --kind and --pattern, or --preset');
  }
  const { loadSettings } = await import('../config/load-settings.js');
  const { DeleteBlockedValueRequest, readPattern } =
    await import('../identity/api/dto/blocked-value.request.js');
  const { readBody } = await import('../identity/api/dto/read-body.js');
  const { placeholders } = await import('../identity/domain/placeholders.js');
  const settings = loadSettings(terminal.env);
  const { reason } = readBody(DeleteBlockedValueRequest, { reason: flags.reason }, 'reject');
  await ask(terminal, flags.tenant, async (service) => {
    const { kinds } = await service.policies.of(service.tenantId);
    const patterns =
      kind === undefined ? placeholders() : [{ kind, pattern: readPattern(kind, pattern, kinds, settings) }];
    const request = { patterns, existing: flags.existing, reason: reason ?? '' };
    await (flags.dryRun ? tell(terminal, service, request, flags) : block(terminal, service, request, flags));
  });
}

async function tell(
  terminal: Terminal,
  service: OpenService,
  request: BlockRequest,
  { json }: AddFlags,
): Promise<void> {
  const counts = await service.blocking.count(service.tenantId, request.patterns);
  if (json) {
    terminal.print(`${JSON.stringify(counts)}\n`);
    return;
  }
  const call = changeOf(service, 'blocked-values add', true);
  const { blockedBefore, identitiesAffected } = await service.blocking.block(call, request);
  const carried = counts.filter(({ contacts }) => contacts > 0).toSorted((a, b) => b.contacts - a.contacts);
  const rest = counts.length - carried.length;
  const does = request.existing === 'keep' ? 'would keep them' : 'would lose them';
  terminal.print(
    [
      ...(carried.length === 0 ? [] : [tableOf(carried)]),
      ...(rest === 0
        ? []
        : [`Nobody has ${carried.length === 0 ? '' : 'the other '}${counted(rest, 'value')}.\n`]),
      `${counted(counts.length - blockedBefore, 'value')} would be blocked, ${blockedBefore} are blocked already.\n`,
      `${counted(identitiesAffected, 'identity', 'identities')} with such values ${does}.\n`,
    ].join(''),
  );
}

async function block(
  terminal: Terminal,
  service: OpenService,
  request: BlockRequest,
  { json, quiet }: AddFlags,
): Promise<void> {
  const { IN_FORCE_AFTER_MS } = await import('../identity/blocking.service.js');
  const { BlockedValueDto } = await import('../identity/api/dto/blocked-value.response.js');
  const { blocking } = service;
  const say = quiet ? () => undefined : (text: string) => terminal.printError(text);
  let done = 0;
  const timer = setInterval(
    () => done > 0 && say(`Took values out of ${counted(done, 'identity', 'identities')}\n`),
    PROGRESS_MS,
  );
  try {
    const call = changeOf(service, 'blocked-values add', false);
    const outcome = await blocking.block(call, request, (count) => (done = count));
    const { blocked, blockedBefore, identitiesAffected } = outcome;
    if (request.existing === 'split') {
      say(
        `Waiting ${IN_FORCE_AFTER_MS / 1000} s until every replica knows, to take out what they link until then\n`,
      );
      await blocking.settled();
    }
    const does = request.existing === 'keep' ? 'keep them' : 'lost them';
    terminal.print(
      json
        ? `${JSON.stringify({ identitiesAffected, blockedValues: blocked.map((each) => new BlockedValueDto(each)) })}\n`
        : `Blocked ${counted(blocked.length - blockedBefore, 'value')}, ${blockedBefore} were blocked already.\n` +
            `${counted(identitiesAffected, 'identity', 'identities')} with such values ${does}.\n`,
    );
  } finally {
    clearInterval(timer);
  }
}

function listCommand(terminal: Terminal): Command {
  return new Command('list')
    .description('Lists the values that may not link, the oldest first.')
    .option('--tenant <name>', 'tenant of the values (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async ({ tenant, json }: { tenant?: string; json?: true }) => {
      const { BlockedValueDto } = await import('../identity/api/dto/blocked-value.response.js');
      const blocked = await ask(terminal, tenant, all);
      terminal.print(
        json
          ? `${JSON.stringify(blocked.map((each) => new BlockedValueDto(each)))}\n`
          : table([
              ['ID', 'KIND', 'PATTERN', 'BLOCKED'],
              ...blocked.map(({ id, kind, pattern, createdAt }) => [
                String(id),
                kind,
                pattern,
                minute(new Date(createdAt / 1000)),
              ]),
            ]),
      );
    });
}

function removeCommand(terminal: Terminal): Command {
  return new Command('remove')
    .description('Lets a value link again. What was taken from identities does not come back.')
    .argument('<id>', 'id of the blocked value', readContactId)
    .option('--reason <text>', 'why; it is recorded, so put no identifiers in it')
    .option('--tenant <name>', 'tenant of the value (default: the only tenant)')
    .action(async (id: number, { reason, tenant }: { reason?: string; tenant?: string }) => {
      const { readBody } = await import('../identity/api/dto/read-body.js');
      const { DeleteBlockedValueRequest } = await import('../identity/api/dto/blocked-value.request.js');
      const body = readBody(DeleteBlockedValueRequest, { reason }, 'reject');
      await ask(terminal, tenant, (service) =>
        service.blocking.unblock(changeOf(service, 'blocked-values remove', false), id, body),
      );
      terminal.print(`Deleted blocked value ${id}\n`);
    });
}

async function all({ blocking, tenantId }: OpenService): Promise<StoredBlocked[]> {
  const blocked: StoredBlocked[] = [];
  for (;;) {
    const page = await blocking.list(tenantId, blocked.at(-1)?.id ?? null, PAGE_SIZE);
    blocked.push(...page.items);
    if (page.isLast) {
      return blocked;
    }
  }
}

function tableOf(counts: readonly CarrierCount[]): string {
  return table([
    ['KIND', 'PATTERN', 'CONTACTS', 'IDENTITIES'],
    ...counts.map(({ kind, pattern, contacts, identities: count }) => [
      kind,
      pattern,
      String(contacts),
      String(count),
    ]),
  ]);
}

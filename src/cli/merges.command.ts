import { Command } from 'commander';
import type { MergeDto } from '../identity/api/dto/merge.response.js';
import type { ChangeResponse } from '../identity/api/dto/change.response.js';
import { readContactId, readWholeNumber } from './arguments.js';
import { ask, changeOf } from './ask.js';
import { inUtc, named, table } from './output.js';
import type { Terminal } from './terminal.js';

/** Merges that are read at once. */
const PAGE_SIZE = 1_000;

export function mergesCommand(terminal: Terminal): Command {
  return new Command('merges')
    .description('Shows which merges made identities what they are, and undoes them.')
    .addCommand(listCommand(terminal))
    .addCommand(undoCommand(terminal));
}

function listCommand(terminal: Terminal): Command {
  return new Command('list')
    .description('Lists the merges of an identity, the oldest first, undone ones too.')
    .argument('<contactId>', 'a contact of the identity, live or deleted', readContactId)
    .option('--tenant <name>', 'tenant of the identity (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async (contactId: number, { tenant, json }: { tenant?: string; json?: true }) => {
      const { MergeDto: Shown } = await import('../identity/api/dto/merge.response.js');
      const merges = await ask(terminal, tenant, async ({ reading, tenantId }) => {
        const all: MergeDto[] = [];
        for (let isLast = false; !isLast;) {
          const page = await reading.merges(tenantId, contactId, all.at(-1)?.id ?? null, PAGE_SIZE);
          all.push(...page.items.map((merge) => new Shown(merge)));
          isLast = page.isLast;
        }
        return all;
      });
      terminal.print(json ? `${JSON.stringify(merges)}\n` : table(mergeRows(merges)));
    });
}

interface UndoFlags {
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly tenant?: string;
  readonly json?: true;
}

function undoCommand(terminal: Terminal): Command {
  return new Command('undo')
    .description('Undoes a merge: its identity falls into two, and a rule keeps its identifiers apart.')
    .argument('<mergeId>', 'as `merges list` shows it', readWholeNumber(1, Number.MAX_SAFE_INTEGER))
    .requiredOption('--reason <text>', 'why; it is recorded, so put no identifiers in it')
    .option('--dry-run', 'tell what would be, and write nothing')
    .option('--tenant <name>', 'tenant of the merge (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async (mergeId: number, { reason, dryRun = false, tenant, json }: UndoFlags) => {
      const { readBody } = await import('../identity/api/dto/read-body.js');
      const { UndoRequest } = await import('../identity/api/dto/undo.request.js');
      const { ChangeResponse: Shown } = await import('../identity/api/dto/change.response.js');
      const body = readBody(UndoRequest, { reason }, 'reject');
      const change = await ask(terminal, tenant, async (service) => {
        const call = changeOf(service, 'merges undo', dryRun);
        const outcome = await service.changes.undo(call, mergeId, body);
        return new Shown(outcome, (await service.policies.of(service.tenantId)).kinds);
      });
      terminal.print(json ? `${JSON.stringify(change)}\n` : undoText(change, mergeId, dryRun));
    });
}

function undoText(change: ChangeResponse, mergeId: number, isDryRun: boolean): string {
  const heading = !change.changed
    ? `Merge ${mergeId} was undone before.\n`
    : isDryRun
      ? `Merge ${mergeId} would be undone. These identities would be left:\n`
      : `Undid merge ${mergeId} by change ${change.changeId}. These identities are left:\n`;
  const identities = change.identities.map(({ contact }) => [
    String(contact.primaryContactId),
    String(contact.secondaryContactIds.length + 1),
    contact.emails.join(', ') || '-',
    contact.phoneNumbers.join(', ') || '-',
  ]);
  const rules = change.rules.map(
    ({ id, identifiers }) =>
      `${id === null ? 'A rule would keep' : `Rule ${id} keeps`} ${named(identifiers)} apart.\n`,
  );
  return [
    heading,
    table([['ID', 'CONTACTS', 'EMAILS', 'PHONE NUMBERS'], ...identities]),
    ...rules,
    ...(change.assumed ? ['This rests on evidence that was not recorded, but worked out later.\n'] : []),
  ].join('');
}

/** A table of merges, with its heading. */
export function mergeRows(merges: readonly MergeDto[]): string[][] {
  return [
    ['ID', 'AT', 'SURVIVOR', 'MERGED', 'CAUSE', 'IDENTIFIERS', 'STATE'],
    ...merges.map(({ id, at, survivorId, mergedId, cause, identifiers, undone }) => [
      String(id),
      inUtc(at),
      String(survivorId),
      String(mergedId),
      cause,
      named(identifiers) || '-',
      undone === null ? 'in force' : `undone ${inUtc(undone.at)} by change ${undone.changeId}`,
    ]),
  ];
}

import { Command } from 'commander';
import type { MergeDto } from '../identity/api/dto/merge.response.js';
import { readContactId } from './arguments.js';
import { ask } from './ask.js';
import { inUtc, named, print, table } from './output.js';

/** Merges that are read at once. */
const PAGE_SIZE = 1_000;

export function mergesCommand(): Command {
  return new Command('merges')
    .description('Shows which merges made identities what they are.')
    .addCommand(listCommand());
}

function listCommand(): Command {
  return new Command('list')
    .description('Lists the merges of an identity, the oldest first, undone ones too.')
    .argument('<contactId>', 'a contact of the identity, live or deleted', readContactId)
    .option('--tenant <name>', 'tenant of the identity (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async (contactId: number, { tenant, json }: { tenant?: string; json?: true }) => {
      const { MergeDto: Shown } = await import('../identity/api/dto/merge.response.js');
      const merges = await ask(tenant, async ({ reading, tenantId }) => {
        const all: MergeDto[] = [];
        for (let isLast = false; !isLast;) {
          const page = await reading.merges(tenantId, contactId, all.at(-1)?.id ?? null, PAGE_SIZE);
          all.push(...page.items.map((merge) => new Shown(merge)));
          isLast = page.isLast;
        }
        return all;
      });
      print(json ? `${JSON.stringify(merges)}\n` : table(mergeRows(merges)));
    });
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

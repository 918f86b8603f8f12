import { Command } from 'commander';
import { counted } from '../transfer/amounts.js';
import { ACTOR, ask } from './ask.js';
import { isReadEnough } from './export.command.js';
import { minute, table } from './output.js';
import type { Terminal } from './terminal.js';

const PAGE_SIZE = 500;

export function erasuresCommand(terminal: Terminal): Command {
  return new Command('erasures')
    .description('Lists erasures, and repeats them on a restored backup. `POST /erasures` makes them.')
    .addCommand(listCommand(terminal))
    .addCommand(exportCommand(terminal))
    .addCommand(applyCommand(terminal));
}

function listCommand(terminal: Terminal): Command {
  return new Command('list')
    .description('Lists the erasures, the oldest first.')
    .option('--tenant <name>', 'tenant of the erasures (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async ({ tenant, json }: { tenant?: string; json?: true }) => {
      const { ErasureResponse } = await import('../identity/api/dto/erasure.response.js');
      const erasures = await ask(terminal, tenant, async ({ erasureRecords, tenantId }) => {
        const all = await erasureRecords.after(tenantId, 0, PAGE_SIZE);
        for (let page = all; page.length === PAGE_SIZE;) {
          page = await erasureRecords.after(tenantId, all.at(-1)!.id, PAGE_SIZE);
          all.push(...page);
        }
        return all;
      });
      terminal.print(
        json
          ? `${JSON.stringify(erasures.map((erasure) => new ErasureResponse(erasure)))}\n`
          : table([
              ['ID', 'STATUS', 'SCOPE', 'CONTACTS', 'IDENTIFIERS', 'MADE'],
              ...erasures.map(({ id, status, scope, contacts, identifiers, createdAt }) => [
                String(id),
                status,
                scope,
                String(contacts),
                String(identifiers),
                minute(new Date(createdAt / 1000)),
              ]),
            ]),
      );
    });
}

function exportCommand(terminal: Terminal): Command {
  return new Command('export')
    .description(
      'Exports what repeats the erasures on a restored backup: ids of contacts that are gone, and keyed hashes; no personal data.',
    )
    .argument('[file]', 'the file, gzipped if its name ends in .gz; - for the standard output', '-')
    .option('--tenant <name>', 'tenant of the erasures (default: the only tenant)')
    .option('--quiet', 'print no summary')
    .addHelpText('after', '\nExit codes: 0 done, 2 the export could not run or was stopped.')
    .action(async (path: string, { tenant, quiet }: { tenant?: string; quiet?: true }) => {
      const { loadSettings } = await import('../config/load-settings.js');
      const { exportErasures } = await import('../transfer/erasures/transfer-erasures.js');
      try {
        const count = await exportErasures(loadSettings(terminal.env), {
          path,
          streams: terminal.streams,
          tenant: tenant ?? null,
        });
        if (!quiet) {
          terminal.printError(`Exported ${counted(count, 'erasure')}\n`);
        }
      } catch (error) {
        if (!isReadEnough(path, error)) {
          throw error;
        }
      }
    });
}

function applyCommand(terminal: Terminal): Command {
  return new Command('apply')
    .description(
      'Repeats the erasures of an export on a restored backup, before the service starts on it. It needs the same ERASURE_KEY. What was recorded after an erasure stays.',
    )
    .argument('<file>', 'what `erasures export` wrote; - for the standard input')
    .option('--tenant <name>', 'tenant of the erasures (default: the only tenant)')
    .option('--quiet', 'show no progress')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 the database has all erasures of the file, 2 it could not run or was stopped. Run it again then: what was repeated is not repeated twice.',
    )
    .action(async (path: string, { tenant, quiet, json }: { tenant?: string; quiet?: true; json?: true }) => {
      const { loadSettings } = await import('../config/load-settings.js');
      const { applyErasures } = await import('../transfer/erasures/transfer-erasures.js');
      let read = 0;
      const applied = await applyErasures(loadSettings(terminal.env), {
        path,
        streams: terminal.streams,
        tenant: tenant ?? null,
        actor: ACTOR,
        onRows: (rows) => {
          read += rows;
          if (!quiet && rows > 0) {
            terminal.printError(`Read ${counted(read, 'row')}\n`);
          }
        },
      });
      const { repeated, known, contacts, identifiers } = applied;
      terminal.print(
        json
          ? `${JSON.stringify(applied)}\n`
          : `Repeated ${counted(repeated, 'erasure')}: ${counted(contacts, 'contact')}, ${counted(identifiers, 'identifier')}; ${known} were there already\n`,
      );
    });
}

import { Command, InvalidArgumentError, Option } from 'commander';
import type { Identifier } from '../identity/domain/contact.js';
import type { Rule } from '../identity/domain/rules.js';
import { counted } from '../transfer/amounts.js';
import { FILE_FORMATS, formatOf, TransferError, type FileFormat } from '../transfer/files.js';
import type { OpenService } from '../transfer/open-service.js';
import { readContactId, readEncoding, readIdentifier, readWholeNumber } from './arguments.js';
import { ACTOR, ask, changeOf } from './ask.js';
import { isReadEnough } from './export.command.js';
import { readDelimiter, stoppedBySignals } from './import.command.js';
import { minute, table } from './output.js';
import type { Terminal } from './terminal.js';

const PAGE_SIZE = 200;

export function rulesCommand(terminal: Terminal): Command {
  return new Command('rules')
    .description(
      'Manages do-not-link rules: two identifiers that must never come to one identity, whoever has them.',
    )
    .addCommand(addCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(removeCommand(terminal))
    .addCommand(importCommand(terminal))
    .addCommand(exportCommand(terminal));
}

function addCommand(terminal: Terminal): Command {
  return new Command('add')
    .description('Keeps two identifiers apart. A rule that is there already is no error.')
    .argument('<identifier>', 'kind and value, such as email:george@hillvalley.edu', readIdentifier)
    .argument('<other>', 'the other one, such as phoneNumber:717171', readIdentifier)
    .requiredOption('--reason <text>', 'why; it is recorded, so put no identifiers in it')
    .option('--dry-run', 'tell what would be, and write nothing')
    .option('--tenant <name>', 'tenant of the rule (default: the only tenant)')
    .action(
      async (
        one: Identifier,
        other: Identifier,
        flags: { reason: string; dryRun?: true; tenant?: string },
      ) => {
        const { loadSettings } = await import('../config/load-settings.js');
        const { readRule } = await import('../identity/api/dto/rule.request.js');
        const settings = loadSettings(terminal.env);
        const { isChanged, rules } = await ask(terminal, flags.tenant, async (service) => {
          const given = { identifiers: [one, other], reason: flags.reason };
          const body = readRule(given, settings, (await service.policies.of(service.tenantId)).kinds);
          const call = changeOf(service, 'rules add', flags.dryRun ?? false);
          return service.changes.makeRule(call, body);
        });
        const [rule] = rules;
        terminal.print(
          isChanged
            ? `${flags.dryRun ? 'The rule would be made' : `Made rule ${rule?.id}`}\n`
            : `Rule ${rule?.id} is there already\n`,
        );
      },
    );
}

function listCommand(terminal: Terminal): Command {
  return new Command('list')
    .description('Lists the rules, the oldest first.')
    .option('--contact <id>', 'rules about the identity of a contact (default: all)', readContactId)
    .option('--tenant <name>', 'tenant of the rules (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async ({ contact, tenant, json }: { contact?: number; tenant?: string; json?: true }) => {
      const { RuleDto } = await import('../identity/api/dto/rule.dto.js');
      const rules = await ask(terminal, tenant, (service) => allRules(service, contact ?? null));
      terminal.print(
        json
          ? `${JSON.stringify(rules.map((rule) => new RuleDto(rule)))}\n`
          : table([
              ['ID', 'IDENTIFIER', 'OTHER', 'MADE', 'BY', 'REASON'],
              ...rules.map(({ id, identifiers: [one, other], createdAt, actor, reason }) => [
                String(id),
                textOf(one),
                textOf(other),
                minute(new Date(createdAt / 1000)),
                actor,
                reason ?? '-',
              ]),
            ]),
      );
    });
}

function removeCommand(terminal: Terminal): Command {
  return new Command('remove')
    .description('Deletes a rule. Its identifiers may be linked again.')
    .argument('<id>', 'id of the rule', readId)
    .option('--reason <text>', 'why; it is recorded, so put no identifiers in it')
    .option('--tenant <name>', 'tenant of the rule (default: the only tenant)')
    .action(async (id: number, { reason, tenant }: { reason?: string; tenant?: string }) => {
      const { readBody } = await import('../identity/api/dto/read-body.js');
      const { DeleteRuleRequest } = await import('../identity/api/dto/rule.request.js');
      const body = readBody(DeleteRuleRequest, { reason }, 'reject');
      await ask(terminal, tenant, (service) =>
        service.changes.deleteRule(changeOf(service, 'rules remove', false), id, body),
      );
      terminal.print(`Deleted rule ${id}\n`);
    });
}

interface ImportFlags {
  readonly format?: FileFormat;
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly reason: string;
  readonly rejected?: string;
  readonly dryRun?: true;
  readonly retryFor: number;
  readonly tenant?: string;
  readonly quiet?: true;
  readonly json?: true;
}

function importCommand(terminal: Terminal): Command {
  return new Command('import')
    .description(
      'Makes the rules of a CSV or NDJSON file, gzipped or not. Rules that are there already are no error, so it may be repeated.',
    )
    .argument(
      '<file>',
      'CSV with the columns kind, value, otherKind, otherValue and maybe reason, or NDJSON with a body of POST /rules a line; - for the standard input',
    )
    .addOption(new Option('--format <format>', 'default: by the extension').choices(FILE_FORMATS))
    .option(
      '--delimiter <character>',
      'of CSV; "tab" for a tab (default: detected among , ; tab |)',
      readDelimiter,
    )
    .option(
      '--encoding <name>',
      'such as windows-1252, gb18030 or shift_jis (default: UTF-8, or what the byte order mark says)',
      readEncoding,
    )
    .option('--reason <text>', 'of rules that have none in the file', 'Imported')
    .option('--rejected <file>', 'file for rejected rows (default: <file>.rejected.csv)')
    .option('--dry-run', 'report what would be made, and write nothing')
    .option(
      '--retry-for <seconds>',
      'how long to keep trying while the database can’t serve',
      readWholeNumber(0, 86_400),
      300,
    )
    .option('--tenant <name>', 'tenant of the rules (default: the only tenant)')
    .option('--quiet', 'show no progress')
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 every rule is in force, 1 some rows were rejected or are one identity, 2 the import could not run or was stopped.',
    )
    .action((path: string, flags: ImportFlags) => runImport(terminal, path, flags));
}

async function runImport(terminal: Terminal, path: string, flags: ImportFlags): Promise<void> {
  const format = flags.format ?? formatOf(path);
  if (format === null) {
    throw new TransferError('The name does not tell the format: give --format csv or --format ndjson.');
  }
  using stopping = stoppedBySignals(terminal);
  const { loadSettings } = await import('../config/load-settings.js');
  const { importRules, ruleSummaryJson, ruleSummaryText } = await import('../transfer/rules/import-rules.js');
  const result = await importRules(loadSettings(terminal.env), {
    path,
    streams: terminal.streams,
    format,
    delimiter: flags.delimiter ?? null,
    encoding: flags.encoding ?? null,
    reason: flags.reason,
    actor: ACTOR,
    rejectedPath: flags.rejected ?? null,
    isDryRun: flags.dryRun ?? false,
    tenant: flags.tenant ?? null,
    retryForMs: flags.retryFor * 1000,
    progress: flags.quiet ? null : terminal.streams.stderr,
    stop: stopping.signal,
  });
  terminal.print(flags.json ? ruleSummaryJson(result) : ruleSummaryText(result));
  if (!result.isComplete) {
    terminal.printError('Run the same command again: rules that are there already are not made twice.\n');
  }
  const { rejected, linked } = result.tally;
  terminal.exitCode = result.isComplete ? (rejected + linked > 0 ? 1 : 0) : 2;
}

interface ExportFlags {
  readonly format?: FileFormat;
  readonly excelSafe?: true;
  readonly tenant?: string;
  readonly quiet?: true;
}

function exportCommand(terminal: Terminal): Command {
  return new Command('export')
    .description('Exports all rules as they are now, in the form that `rules import` takes.')
    .argument('[file]', 'the file, gzipped if its name ends in .gz; - for the standard output', '-')
    .addOption(new Option('--format <format>', 'default: by the extension, or ndjson').choices(FILE_FORMATS))
    .option(
      '--excel-safe',
      'put an apostrophe before values that a spreadsheet would run as a formula (CSV); an import removes it again',
    )
    .option('--tenant <name>', 'tenant of the rules (default: the only tenant)')
    .option('--quiet', 'print no summary')
    .addHelpText('after', '\nExit codes: 0 done, 2 the export could not run or was stopped.')
    .action(async (path: string, { format, excelSafe, tenant, quiet }: ExportFlags) => {
      const { loadSettings } = await import('../config/load-settings.js');
      const { exportRules } = await import('../transfer/rules/export-rules.js');
      try {
        const count = await exportRules(loadSettings(terminal.env), {
          path,
          streams: terminal.streams,
          format: format ?? formatOf(path) ?? 'ndjson',
          isExcelSafe: excelSafe ?? false,
          tenant: tenant ?? null,
        });
        if (!quiet) {
          terminal.printError(`Exported ${counted(count, 'rule')}\n`);
        }
      } catch (error) {
        if (!isReadEnough(path, error)) {
          throw error;
        }
      }
    });
}

async function allRules({ reading, tenantId }: OpenService, contactId: number | null): Promise<Rule[]> {
  const rules: Rule[] = [];
  for (;;) {
    const page = await reading.rules(tenantId, contactId, rules.at(-1)?.id ?? null, PAGE_SIZE);
    rules.push(...page.items);
    if (page.isLast) {
      return rules;
    }
  }
}

function textOf({ kind, value }: Identifier): string {
  return `${kind}:${value}`;
}

function readId(text: string): number {
  const id = Number(text);
  if (!/^\d{1,16}$/.test(text) || id < 1 || !Number.isSafeInteger(id)) {
    throw new InvalidArgumentError('It must be a whole number from 1 on.');
  }
  return id;
}

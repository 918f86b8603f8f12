import { Command, Option } from 'commander';
import { counted } from '../transfer/amounts.js';
import {
  createPrivately,
  FILE_FORMATS,
  formatOf,
  TransferError,
  type FileFormat,
} from '../transfer/files.js';
import type { Terminal } from './terminal.js';

interface ExportFlags {
  readonly format?: FileFormat;
  readonly excelSafe?: true;
  readonly tenant?: string;
  readonly cursorFile?: string;
  readonly quiet?: true;
}

export function exportCommand(terminal: Terminal): Command {
  return new Command('export')
    .description(
      'Exports all identities as they are now: NDJSON with one identity a line, or CSV with one contact a row.',
    )
    .argument('[file]', 'the file, gzipped if its name ends in .gz; - for the standard output', '-')
    .addOption(new Option('--format <format>', 'default: by the extension, or ndjson').choices(FILE_FORMATS))
    .option(
      '--excel-safe',
      'put an apostrophe before values that a spreadsheet would run as a formula, + numbers too (CSV); an import removes it again',
    )
    .option('--tenant <name>', 'tenant of the identities (default: the only tenant)')
    .option(
      '--cursor-file <file>',
      'write the cursor of the export to a file: GET /events?after=<cursor> tells what has changed since',
    )
    .option('--quiet', 'print no summary')
    .addHelpText('after', '\nExit codes: 0 done, 2 the export could not run or was stopped.')
    .action((path: string, flags: ExportFlags) => run(terminal, path, flags));
}

async function run(
  terminal: Terminal,
  path: string,
  { format, excelSafe, tenant, cursorFile, quiet }: ExportFlags,
): Promise<void> {
  try {
    // Loaded here: the ORM and the framework take a second, and --help does not need them.
    const { loadSettings } = await import('../config/load-settings.js');
    const { runExport } = await import('../transfer/export/run-export.js');
    const { identities, contacts, cursor } = await runExport(loadSettings(terminal.env), {
      path,
      streams: terminal.streams,
      format: format ?? formatOf(path) ?? 'ndjson',
      isExcelSafe: excelSafe ?? false,
      tenant: tenant ?? null,
    });
    if (cursorFile !== undefined) {
      await writeCursor(cursorFile, cursor);
    }
    if (!quiet) {
      terminal.printError(
        `Exported ${counted(identities, 'identity', 'identities')} with ${counted(contacts, 'contact')}\n${
          cursor === null ? '' : `Cursor of what changes from then on: ${cursor}\n`
        }`,
      );
    }
  } catch (error) {
    if (!isReadEnough(path, error)) {
      throw error;
    }
  }
}

/** @throws {TransferError} if there is no cursor, or it can't be written */
async function writeCursor(path: string, cursor: string | null): Promise<void> {
  if (cursor === null) {
    throw new TransferError(`${path} was not written: with EVENTS_ENABLED=false an export has no cursor.`);
  }
  await using file = await createPrivately(path);
  await file.writeFile(`${cursor}\n`);
}

/** Whether the reader of the output has read enough, like `head`. */
export function isReadEnough(path: string, error: unknown): boolean {
  return path === '-' && (error as NodeJS.ErrnoException).code === 'EPIPE';
}

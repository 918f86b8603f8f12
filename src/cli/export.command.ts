import { Command, Option } from 'commander';
import { FORMATS, type Format } from '../transfer/export/format.js';

interface Flags {
  readonly format?: Format;
  readonly excelSafe?: true;
  readonly tenant?: string;
  readonly quiet?: true;
}

export function exportCommand(): Command {
  return new Command('export')
    .description(
      'Writes all identities of this moment as NDJSON, one identity a line, or CSV, one contact a row.',
    )
    .argument('[file]', 'the file, gzipped if its name ends in .gz; - for the standard output', '-')
    .addOption(
      new Option('--format <format>', 'by default the extension tells, else ndjson').choices(FORMATS),
    )
    .option(
      '--excel-safe',
      'put a quote before values that a spreadsheet would take for a formula, + numbers too (CSV); such a file is to look at, and not to import again',
    )
    .option('--tenant <name>', 'whose identities (default: the only tenant there is)')
    .option('--quiet', 'print no summary')
    .addHelpText('after', '\nExit codes: 0 done, 2 the export could not run or was stopped.')
    .action(run);
}

async function run(path: string, { format, excelSafe, tenant, quiet }: Flags): Promise<void> {
  try {
    // Only now: the ORM and the framework take a second to load.
    const { loadSettings } = await import('../config/load-settings.js');
    const { runExport } = await import('../transfer/export/run-export.js');
    const { identities, contacts } = await runExport(loadSettings(), {
      path,
      format: format ?? (/\.csv(\.gz)?$/i.test(path) ? 'csv' : 'ndjson'),
      isExcelSafe: excelSafe ?? false,
      tenant: tenant ?? null,
    });
    if (!quiet) {
      process.stderr.write(
        `Exported ${identities.toLocaleString('en-US')} identities with ${contacts.toLocaleString('en-US')} contacts\n`,
      );
    }
  } catch (error) {
    // whoever read the output has had enough, as `head` does
    if (path === '-' && (error as NodeJS.ErrnoException).code === 'EPIPE') {
      return;
    }
    throw error;
  }
}

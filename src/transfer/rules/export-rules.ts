import type { Settings } from '../../config/settings.js';
import { ruleOf } from '../../identity/store/identifier-columns.js';
import { kindsOf } from '../../identity/store/policy-records.js';
import { LOAD_KINDS } from '../../identity/store/policy.statements.js';
import { RULES_AFTER } from '../../identity/store/rule.statements.js';
import { csvLine } from '../csv.js';
import { NO_IDLE_TIMEOUT, ONE_SNAPSHOT } from '../export/exporter.js';
import { intoFile, type ExportOptions } from '../export/run-export.js';
import { openService } from '../open-service.js';
import { RULE_COLUMNS, ruleLine } from './rule-rows.js';

/** Rules read at once. It bounds the memory of an export. */
const PAGE_SIZE = 1000;

/**
 * Exports all rules of a tenant at one moment, in the form that an import takes; see {@link intoFile}.
 *
 * @returns how many there are
 * @throws {TransferError} if the file can't be written
 */
export async function exportRules(settings: Settings, options: ExportOptions): Promise<number> {
  const { path, streams, format, isExcelSafe, tenant } = options;
  return intoFile(path, streams, async (write) => {
    await using service = await openService(settings, 1, tenant);
    const { session, tenantId } = service;
    return await session.transaction(async (transaction) => {
      const [, , rowsOfKinds = []] = await transaction.send(
        [ONE_SNAPSHOT],
        [NO_IDLE_TIMEOUT],
        [LOAD_KINDS, tenantId],
      );
      const kinds = kindsOf(rowsOfKinds);
      if (format === 'csv') {
        await write(csvLine(RULE_COLUMNS));
      }
      let count = 0;
      for (let after = 0; ;) {
        const [rows = []] = await transaction.send([RULES_AFTER, tenantId, after, PAGE_SIZE]);
        if (rows.length === 0) {
          return count;
        }
        const rules = rows.map((row) => ruleOf(kinds, row));
        await write(rules.map((rule) => ruleLine(rule, format, isExcelSafe)).join(''));
        count += rules.length;
        after = rules.at(-1)!.id;
      }
    }, tenantId);
  });
}

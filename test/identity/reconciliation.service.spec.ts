import { setImmediate as turn } from 'node:timers/promises';
import type { DecisionWriter } from '../../src/identity/decision-writer.js';
import { ReconciliationService } from '../../src/identity/reconciliation.service.js';

test('a deletion waits for one of the same contact, and not for one of another tenant', async () => {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const writer = {
    writeInTurn: ({ tenantId }: { tenantId: number }) => {
      begun.push(tenantId);
      return new Promise((resolve) => ends.push(() => resolve({ decision: { isFound: true } })));
    },
  };
  const parts = [{}, writer as unknown as DecisionWriter, {}, {}, {}, {}];
  const service = new ReconciliationService(
    ...(parts as ConstructorParameters<typeof ReconciliationService>),
  );
  const deletions: Promise<boolean>[] = [];
  for (const tenantId of [1, 1, 2]) {
    deletions.push(service.delete(tenantId, 7));
    await turn();
  }
  expect(begun).toEqual([1, 2]);
  ends[0]!();
  await deletions[0];
  await turn();
  expect(begun).toEqual([1, 2, 1]);
  ends.forEach((end) => end());
  expect(await Promise.all(deletions)).toEqual([true, true, true]);
});

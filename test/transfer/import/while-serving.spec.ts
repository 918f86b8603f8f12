import type { IdentifyBody } from '../../support/wire.js';
import { csvLine } from '../../../src/transfer/csv.js';
import { useDatabase } from '../../support/hooks.js';
import { partition, violations } from '../../support/invariants.js';
import { random, seedOf } from '../../support/random.js';
import { ServiceProcess } from '../../support/service-process.js';
import { storm, untrueAnswers } from '../../support/storm.js';
import { closure } from '../../support/union-find.js';
import { importText } from './import-text.js';

const EMPTY = { primaryContactId: 0, emails: [], phoneNumbers: [], secondaryContactIds: [] };

const database = useDatabase();

test('an import while the API serves the same people loses nothing and breaks nothing', async () => {
  const next = random(seedOf('import while serving'));
  const sighting = (): IdentifyBody => {
    const shape = next();
    return {
      email: shape < 0.15 ? null : `jennifer${Math.floor(next() * 150)}@hillvalley.edu`,
      phoneNumber: shape > 0.85 ? null : String(9000 + Math.floor(next() * 150)),
    };
  };
  const [sent, imported] = [400, 800].map((length) => Array.from({ length }, sighting)) as [
    IdentifyBody[],
    IdentifyBody[],
  ];
  const text = `email,phone\n${imported.map(({ email, phoneNumber }) => csvLine([email, phoneNumber])).join('')}`;
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    LOG_LEVEL: 'debug',
    BATCH_MAX: '8',
  });

  const [acknowledged, result] = await Promise.all([
    storm([service.client], sent, 16, []),
    importText(database, text, { batchSize: 10, retryForMs: 10_000 }),
  ]);

  expect(result.tally.rejected).toBe(0);
  expect(await violations(database)).toEqual({});
  expect(await partition(database)).toEqual(closure([...sent, ...imported]));
  // what the import brought may show in an answer, but nothing that was acknowledged may be missing
  const any = imported.map((each) => ({
    sighting: each,
    answer: EMPTY,
    startedAt: -1,
    answeredAt: Infinity,
  }));
  expect(untrueAnswers([...acknowledged, ...any]).filter((call) => acknowledged.includes(call))).toEqual([]);
  const conflicts = service.output.match(/Conflict at attempt/g)?.length ?? 0;
  process.stdout.write(`import while serving: ${conflicts} conflicts of the service\n`);
  expect(await service.end('SIGTERM')).toBe(0);
});

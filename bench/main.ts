import { Logger } from '@nestjs/common';
import { copyFileSync } from 'node:fs';
import { createLogger } from '../src/telemetry/logging/create-logger.js';
import { createDatabase } from './database/databases.js';
import { startDatabaseServer } from './database/server.js';
import type { Measured } from './load/closed-loop.js';
import type { LoadOrder } from './load/main.js';
import { HELP, readOptions, UsageError, type Options } from './options.js';
import { endAll } from './processes/children.js';
import { Worker } from './processes/worker.js';
import { describeMachine } from './reporting/machine.js';
import { printSection, printSlice, printTargets, say } from './reporting/console.js';
import { PROFILES } from './reporting/report.js';
import { publish, writeReport } from './reporting/write-report.js';
import { runSoak } from './soak.js';
import { Stage, WrongAnswerError } from './stage.js';
import { runSuites } from './suites.js';
import { targetsOf } from './targets.js';

/** What must be undone at the end, the last first; also when the run is interrupted. */
const cleanups: (() => Promise<void>)[] = [endAll];
let isCleaning = false;

async function cleanUp(): Promise<void> {
  isCleaning = true;
  for (let undo = cleanups.pop(); undo !== undefined; undo = cleanups.pop()) {
    await undo().catch((error: unknown) => say(`could not clean up: ${String(error)}`));
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!isCleaning) {
      say('interrupted, cleaning up');
      void cleanUp().then(() => process.exit(130));
    }
  });
}

async function run(options: Options): Promise<void> {
  Logger.overrideLogger(createLogger('warn'));
  // The built service looks for it above its own folder.
  copyFileSync('package.json', new URL('../package.json', import.meta.url));
  say('starting PostgreSQL');
  const starting = startDatabaseServer();
  cleanups.push(async () => (await starting).stop());
  const server = await starting;
  const load = new Worker<LoadOrder, Measured>(new URL('./load/main.js', import.meta.url));
  cleanups.push(() => load.end());
  const stages: Stage[] = [];
  for (const size of options.sizes) {
    say(`filling a database with ${size.toLocaleString('en')} contacts`);
    const database = await createDatabase(server.url, (drop) => void cleanups.push(drop));
    const stage = await Stage.set(database, size, options, load, options.withProfile ? PROFILES : null);
    cleanups.push(() => stage.strike());
    stages.push(stage);
  }
  const stage = stages.at(-1)!;
  const machine = await describeMachine(server.url, server.settings);
  const sections = await runSuites(stages, options, printSlice);
  const soak = await runSoak(stage, options, (name, slice) => printSlice('Soak', name, slice));
  const { rssMb, baselineMistakes } = stage;
  const targets = targetsOf(sections, options, soak, rssMb);
  const report = { machine, options, sections, targets, soak, rssMb, baselineMistakes };
  sections.forEach(printSection);
  printTargets(targets);
  await writeReport(report);
  if (options.isPublished) {
    await publish();
  }
}

let exitCode = 0;
try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(HELP);
  } else {
    await run(options);
  }
} catch (error) {
  exitCode = 1;
  if (!isCleaning) {
    const isExpected = error instanceof UsageError || error instanceof WrongAnswerError;
    say(isExpected ? error.message : String(error instanceof Error ? error.stack : error));
  }
}
if (!isCleaning) {
  await cleanUp();
  process.exit(exitCode);
}

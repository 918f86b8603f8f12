import { Logger } from '@nestjs/common';
import { createLogger } from '../src/telemetry/logging/logger.js';
import { buildsOf, type Build } from './builds.js';
import { verdictsOf, runComparison } from './comparison.js';
import { startDatabaseServer } from './database/server.js';
import type { Measured } from './load/closed-loop.js';
import type { LoadOrder } from './load/main.js';
import { HELP, readOptions, UsageError, type Options } from './options.js';
import { endAll } from './processes/children.js';
import { Worker } from './processes/worker.js';
import { describeMachine } from './reporting/machine.js';
import { printSection, printSlice, printTargets, printVerdicts, say } from './reporting/console.js';
import { PROFILES } from './reporting/report.js';
import { publish, writeReport } from './reporting/write-report.js';
import { runSoak } from './soak.js';
import { WrongAnswerError, type Stage } from './stage.js';
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
  const builds = await buildsOf(options.against);
  say('starting PostgreSQL');
  const starting = startDatabaseServer();
  cleanups.push(async () => (await starting).stop());
  const server = await starting;
  const load = new Worker<LoadOrder, Measured>(new URL('./load/main.js', import.meta.url));
  cleanups.push(() => load.end());
  const open = async (build: Build, size: number): Promise<Stage> => {
    say(`filling a database with ${size.toLocaleString('en')} contacts`);
    const profileDir = options.withProfile ? PROFILES : null;
    return build.Stage.open(server.url, size, options, load, profileDir, (undo) => void cleanups.push(undo));
  };
  if (builds.before !== null) {
    const size = options.sizes.at(-1)!;
    const [before, after] = [await open(builds.before, size), await open(builds.now, size)];
    const sections = await runComparison(before, after, options, printSlice);
    sections.forEach(printSection);
    printVerdicts(verdictsOf(sections, options));
    return;
  }
  const stages: Stage[] = [];
  for (const size of options.sizes) {
    stages.push(await open(builds.now, size));
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

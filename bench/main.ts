import { Logger } from '@nestjs/common';
import { createLogger } from '../src/telemetry/logging/logger.js';
import { buildsOf, type Build } from './builds.js';
import { clusterPlan } from './cluster.js';
import { comparisonPlans, verdictsOf } from './comparison.js';
import { startDatabaseServer } from './database/server.js';
import { importPlan } from './import.js';
import type { Measured } from './load/closed-loop.js';
import type { LoadOrder } from './load/main.js';
import { HELP, readOptions, UsageError, type Options } from './options.js';
import { endAll } from './processes/children.js';
import { Worker } from './processes/worker.js';
import { describeMachine } from './reporting/machine.js';
import { PROFILES, sectionBlock, targetsBlock, verdictsBlock, writeReport } from './reporting/report.js';
import { round } from './reporting/tables.js';
import { WrongAnswerError, type Stage } from './stage.js';
import { plansOf, runPlans, type OnSlice } from './suites.js';
import { targetsOf } from './targets.js';

/** What must be undone at the end, the last first; also when the run is interrupted. */
const cleanups: (() => Promise<unknown>)[] = [endAll];
let isCleaning = false;

const atEnd = (undo: () => Promise<unknown>): void => void cleanups.push(undo);

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
  atEnd(async () => (await starting).stop());
  const server = await starting;
  const load = new Worker<LoadOrder, Measured>(new URL('./load/main.js', import.meta.url));
  atEnd(() => load.end());
  const open = async (build: Build, size: number): Promise<Stage> => {
    say(`filling a database with ${size.toLocaleString('en')} contacts`);
    return build.Stage.open(server.url, size, options, load, options.withProfile ? PROFILES : null, atEnd);
  };
  const largest = options.sizes.at(-1)!;

  if (builds.before !== null) {
    const [before, after] = [await open(builds.before, largest), await open(builds.now, largest)];
    const compared = await runPlans(comparisonPlans(before, after, options), tellSlice);
    print([...compared.map(sectionBlock), verdictsBlock(verdictsOf(compared, options))]);
    return;
  }
  const stages: Stage[] = [];
  for (const size of options.sizes) {
    stages.push(await open(builds.now, size));
  }
  const machine = await describeMachine(server);
  const sections = await runPlans(plansOf(stages, options), tellSlice);
  if (options.suites.includes('import')) {
    const plan = await importPlan(server.url, options.importRows, options.rounds, atEnd);
    sections.push(...(await runPlans([plan], tellSlice)));
  }
  if (options.suites.includes('cluster')) {
    sections.push(...(await runPlans([await clusterPlan(server.url, options, atEnd)], tellSlice)));
  }
  const targets = targetsOf(sections, options);
  print([...sections.map(sectionBlock), targetsBlock(targets)]);
  await writeReport({ machine, options, sections, targets });
}

/** A line of progress; results go to the standard output, this does not. */
function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

function print(blocks: readonly string[]): void {
  process.stdout.write(`\n${blocks.join('\n\n')}\n`);
}

const tellSlice: OnSlice = (section, name, { callsPerSecond, p50Ms }) =>
  say(`${section}: ${name}: ${round(callsPerSecond)} calls/s, p50 ${round(p50Ms)} ms`);

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

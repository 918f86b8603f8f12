#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { requireNode } from '../config/version.js';

// Before anything else is loaded: an older Node can't even read it.
requireNode(2);
const { installLastWords } = await import('../telemetry/logging/loggable.js');
const { runProgram } = await import('./program.js');
const { Terminal } = await import('./terminal.js');

// About 40 MB are in use at any time, but by default V8 lets the heap grow fourfold before it collects. This lowers the peak
// of an import from 380 MB to 275 MB.
setFlagsFromString('--heap-growing-percent=50');

const terminal = new Terminal(process, process.env);
installLastWords((error) => {
  terminal.printError(`Internal error, please report it: ${JSON.stringify(error)}\n`);
}, 2);

// Whoever reads the output may have read enough, like `head`. What was to be done is done, so that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    throw error;
  }
});

await runProgram(process.argv.slice(2), terminal);
process.exitCode = terminal.exitCode;

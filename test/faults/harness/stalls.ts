import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isFull } from './scale.js';

const delays = monitorEventLoopDelay({ resolution: 10 });

/** Begins to watch for how long this process does not get the processor that it is ready to use. */
export function watchStalls(): void {
  delays.enable();
  delays.reset();
}

/**
 * A limit on a time, with what the machine itself held things up since the watch began, in the service and in the caller: so
 * a busy machine does not fail a short run. A full run takes the limit as it was promised.
 */
export function fair(limitMs: number): number {
  return isFull ? limitMs : limitMs + (2 * delays.max) / 1_000_000;
}

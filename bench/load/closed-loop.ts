import { setTimeout } from 'node:timers/promises';
import type { IdentityAnswer } from '../customers/population.js';
import { mistakeIn } from '../customers/check.js';
import { callsOf, type Call, type CallSource } from '../customers/workload.js';

/** An answer, its body parsed only if asked for. Null: there is none to look at. */
export interface Answer {
  readonly status: number;
  readonly view: (() => IdentityAnswer) | null;
}

/** Makes one call and waits for its answer; each caller makes one call at a time. */
export type Caller = (call: Call) => Promise<Answer>;

export interface Limits {
  readonly maxMs: number;
  readonly maxCalls: number;
  /** One answer of so many is compared with what it must be; 0: none. */
  readonly checkEvery: number;
  /** The most calls a second; without it, as many as are answered. */
  readonly perSecond?: number;
}

/** What a slice measured. */
export interface Measured {
  readonly calls: number;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Answers that were compared with what they must be. */
  readonly checked: number;
  /** The first answers with another status than 200, or another content than they must have; at most ten. */
  readonly mistakes: readonly string[];
  readonly mistakeCount: number;
  /** CPU time of the process that made the calls. */
  readonly driverCpuMs: number;
}

const MISTAKES_SHOWN = 10;

/** A closed loop: every caller makes its next call when its last one was answered, until time, calls or stock are up. */
export async function closedLoop(
  callers: readonly Caller[],
  source: CallSource,
  limits: Limits,
): Promise<Measured> {
  const next = callsOf(source);
  const latenciesMs: number[] = [];
  const mistakes: string[] = [];
  let mistakeCount = 0;
  let started = 0;
  let checked = 0;
  const cpu = process.cpuUsage();
  const from = performance.now();
  const deadline = from + limits.maxMs;

  const note = (mistake: string): void => {
    mistakeCount++;
    if (mistakes.length < MISTAKES_SHOWN) {
      mistakes.push(mistake);
    }
  };
  const work = async (caller: Caller): Promise<void> => {
    for (let sent = performance.now(); sent < deadline && started < limits.maxCalls;) {
      const early = from + (started * 1000) / (limits.perSecond ?? Infinity) - sent;
      if (early > 0) {
        await setTimeout(early);
        sent = performance.now();
      }
      const call = next();
      if (call === null) {
        return;
      }
      const isChecked = started++ % limits.checkEvery === 0;
      const { status, view } = await caller(call);
      const answered = performance.now();
      latenciesMs.push(answered - sent);
      sent = answered;
      if (status !== 200) {
        note(`status ${status} for ${JSON.stringify(call.sighting)}`);
        continue;
      }
      if (view === null) {
        continue;
      }
      if (isChecked) {
        checked++;
        const mistake = mistakeIn(view(), call);
        if (mistake !== null) {
          note(mistake);
        }
      }
      call.remember?.(view());
    }
  };
  await Promise.all(callers.map(work));

  return { ...timesOf(latenciesMs, from, cpu), checked, mistakes, mistakeCount };
}

/**
 * What a slice says of its times.
 *
 * @param from when it began
 * @param cpu CPU time of this process at that moment
 */
export function timesOf(
  latenciesMs: readonly number[],
  from: number,
  cpu: NodeJS.CpuUsage,
): Pick<Measured, 'calls' | 'elapsedMs' | 'p50Ms' | 'p95Ms' | 'p99Ms' | 'driverCpuMs'> {
  const elapsedMs = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  const sorted = Float64Array.from(latenciesMs).toSorted();
  const quantile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return {
    calls: sorted.length,
    elapsedMs,
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
    driverCpuMs: (user + system) / 1000,
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { IdentifyBody } from '../../support/wire.js';
import type { Caller, Outcome } from './caller.js';

const PAUSE_AFTER_FAILURE_MS = 200;

/** A call with its sighting, and how it ended. */
export interface Identified extends Outcome {
  readonly sighting: IdentifyBody;
}

/** Callers that go on calling, one call after the other each, until they are told to stop. */
export class Traffic {
  readonly outcomes: Identified[] = [];
  private isOver = false;
  private readonly callers: Promise<void>[];

  /**
   * @param callerFor the service to call next, given the number of the one who calls
   * @param pauseMs between two calls of one caller; longer after one without success
   */
  constructor(
    width: number,
    private readonly callerFor: (index: number) => Caller,
    private readonly sighting: () => IdentifyBody,
    private readonly pauseMs = 0,
  ) {
    this.callers = Array.from({ length: width }, (_, index) => this.call(index));
  }

  get acknowledged(): Identified[] {
    return this.outcomes.filter(({ status }) => status === 200);
  }

  /** Resolves when that many more calls have ended. */
  async more(calls: number): Promise<void> {
    for (const goal = this.outcomes.length + calls; this.outcomes.length < goal;) {
      await sleep(2);
    }
  }

  /** Lets the calls under way end. */
  async stop(): Promise<readonly Identified[]> {
    this.isOver = true;
    await Promise.all(this.callers);
    return this.outcomes;
  }

  private async call(index: number): Promise<void> {
    while (!this.isOver) {
      const sighting = this.sighting();
      const outcome = await this.callerFor(index).identify(sighting);
      this.outcomes.push({ ...outcome, sighting });
      const pauseMs = outcome.status === 200 ? this.pauseMs : this.pauseMs + PAUSE_AFTER_FAILURE_MS;
      if (pauseMs > 0) {
        await sleep(pauseMs);
      }
    }
  }
}

/** Sightings of people of whom many meet again: half of the calls bring nothing new, some merge. */
export function crowd(next: () => number, size: number, name: string): () => IdentifyBody {
  const pick = (): number => Math.floor(next() * size);
  return () => {
    const shape = next();
    const person = pick();
    const other = next() < 0.02 ? pick() : person;
    return {
      email: shape < 0.2 ? null : `${name}${person}@hillvalley.edu`,
      phoneNumber: shape > 0.8 ? null : `7${String(other).padStart(8, '0')}`,
    };
  };
}

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Outcome } from './worker-side.js';
import { end, startNode } from './children.js';

/** A process that carries out orders, one at a time. */
export class Worker<Order extends object, Result> {
  private readonly child: ChildProcess;

  constructor(script: URL, env: Readonly<Record<string, string>> = {}) {
    this.child = startNode(script, { env, isWorker: true });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** @throws what the worker failed with, or that it ended */
  async carryOut(order: Order): Promise<Result> {
    const ended = new AbortController();
    const { signal } = ended;
    try {
      this.child.send(order);
      const [outcome] = (await Promise.race([
        once(this.child, 'message', { signal }),
        once(this.child, 'exit', { signal }).then(() => {
          throw new Error('a process of the benchmark ended early');
        }),
      ])) as [Outcome<Result>];
      if ('failure' in outcome) {
        throw new Error(outcome.failure);
      }
      return outcome.result;
    } finally {
      ended.abort();
    }
  }

  end(): Promise<void> {
    return end(this.child);
  }
}

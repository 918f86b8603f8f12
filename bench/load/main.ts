import { serve } from '../processes/worker-side.js';
import type { IdentityAnswer } from '../customers/population.js';
import type { CallSource } from '../customers/workload.js';
import { closedLoop, type Caller, type Limits } from './closed-loop.js';
import { Connection } from './connection.js';
import { bodyOf } from '../customers/spelling.js';

/** A slice of load over HTTP. */
export interface LoadOrder {
  /** Loopback ports of the replicas; connections are dealt out to them in turn. */
  readonly ports: readonly number[];
  readonly connections: number;
  /** Shown with each call; null: none. */
  readonly key: string | null;
  readonly source: CallSource;
  readonly limits: Limits;
}

// The load generator: a process of its own, which makes the calls of one slice at a time.
serve(async ({ ports, connections, key, source, limits }: LoadOrder) => {
  const open = await Promise.all(
    Array.from({ length: connections }, (_, i) => Connection.open(ports[i % ports.length]!, key)),
  );
  try {
    return await closedLoop(open.map(callerOf), source, limits);
  } finally {
    open.forEach((connection) => connection.close());
  }
});

let count = 0;

function callerOf(connection: Connection): Caller {
  return async ({ sighting }) => {
    const { status, body } = await connection.post('/identify', bodyOf(sighting, count++));
    return { status, view: () => (JSON.parse(body.toString()) as { contact: IdentityAnswer }).contact };
  };
}

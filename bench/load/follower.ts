import { serve } from '../processes/worker-side.js';
import { timesOf, type Measured } from './closed-loop.js';
import { Connection } from './connection.js';

/** A slice of following the feed of events. */
export interface FollowOrder {
  /** Loopback port */
  readonly port: number;
  readonly maxMs: number;
}

interface Page {
  readonly events: readonly { readonly time: string }[];
  readonly next: string;
}

// One who follows the feed: a process of its own, so that the calls that make the events do not keep it from looking.
// What it measures is the time from the write, as the event has it, to the moment when the event is here.
serve(async ({ port, maxMs }: FollowOrder): Promise<Measured> => {
  const connection = await Connection.open(port);
  const page = async (query: string): Promise<Page> => {
    const { status, body } = await connection.get(`/events?limit=200&${query}`);
    if (status !== 200) {
      throw new Error(`GET /events answered ${status}`);
    }
    return JSON.parse(body.toString()) as Page;
  };
  try {
    let { next } = await page('after=latest');
    const cpu = process.cpuUsage();
    const from = performance.now();
    const delaysMs: number[] = [];
    while (performance.now() < from + maxMs) {
      const { events, next: following } = await page(`wait=1&after=${next}`);
      const now = performance.timeOrigin + performance.now();
      delaysMs.push(...events.map(({ time }) => now - Date.parse(time)));
      next = following;
    }
    return { ...timesOf(delaysMs, from, cpu), checked: 0, mistakes: [], mistakeCount: 0 };
  } finally {
    connection.close();
  }
});

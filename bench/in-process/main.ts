import type { CallSource } from '../people/workload.js';
import { closedLoop, type Lane, type Limits } from '../load/closed-loop.js';
import { serve } from '../processes/worker-side.js';
import { openInsert, openSelect } from './plain.js';
import { openService } from './service.js';

export const IN_PROCESS = ['select', 'insert', 'service'] as const;

/** A slice of calls made within this process, without HTTP. */
export interface InProcessOrder {
  readonly subject: (typeof IN_PROCESS)[number];
  /** Calls under way at once. */
  readonly inFlight: number;
  readonly source: CallSource;
  readonly limits: Limits;
}

const url = process.env.DATABASE_URL!;
const connections = Number(process.env.PLAIN_CONNECTIONS);
const open: Record<InProcessOrder['subject'], () => Lane | Promise<Lane>> = {
  select: () => openSelect(url, connections),
  insert: () => openInsert(url, connections),
  service: () => openService(url),
};
const lanes = new Map<string, Lane>();

serve(async ({ subject, inFlight, source, limits }: InProcessOrder) => {
  const lane = lanes.get(subject) ?? (await open[subject]());
  lanes.set(subject, lane);
  return closedLoop(
    Array.from({ length: inFlight }, () => lane),
    source,
    limits,
  );
});

import type { CallSource } from '../customers/workload.js';
import { closedLoop, type Caller, type Limits } from '../load/closed-loop.js';
import { serve } from '../processes/worker-side.js';
import { openInsert, openSelect } from './plain.js';
import { openService } from './service.js';

/** A slice of calls made within this process, without HTTP. */
export interface InProcessOrder {
  readonly subject: 'select' | 'insert' | 'service';
  /** Calls under way at once. */
  readonly inFlight: number;
  readonly source: CallSource;
  readonly limits: Limits;
}

const url = process.env.DATABASE_URL!;
const open: Record<InProcessOrder['subject'], () => Caller | Promise<Caller>> = {
  select: () => openSelect(url),
  insert: () => openInsert(url),
  service: () => openService(url),
};
const callers = new Map<string, Caller>();

serve(async ({ subject, inFlight, source, limits }: InProcessOrder) => {
  const caller = callers.get(subject) ?? (await open[subject]());
  callers.set(subject, caller);
  return closedLoop(
    Array.from({ length: inFlight }, () => caller),
    source,
    limits,
  );
});

/** How long a call may take, and how often it is made. */
export interface Patience {
  /** How often a call is repeated after a passing failure. Default: 4 */
  readonly retries?: number;
  /** The longest time between two attempts, in ms. If the service asks for more, its answer is passed on. Default: 30,000 */
  readonly maxWaitMs?: number;
  /** The longest time of one attempt, in ms. The service gives up after less than 10 s. Default: 15,000 */
  readonly timeoutMs?: number;
}

const DEFAULTS: Required<Patience> = { retries: 4, maxWaitMs: 30_000, timeoutMs: 15_000 };
/** Of the service, and of what may stand in front of it. Every call is safe to repeat after these. */
const PASSING = new Set([429, 502, 503, 504]);
const FIRST_WAIT_MS = 200;
/** They change nothing, or a repetition changes nothing more: they need no key. */
const REPEATABLE = /\/(?:identify|lookup|search|subject-access)$/;

/**
 * A `fetch` that repeats a call after 429, 502, 503, 504, a lost connection and a timeout. It waits as long as `Retry-After` says, or
 * 0.2 s, 0.4 s, 0.8 s … give or take half.
 *
 * A change gets an `Idempotency-Key`, unless it has one: if the answer was lost, the service makes no second change, and tells
 * the first one.
 */
export function patientFetch(fetch: typeof globalThis.fetch, patience: Patience): typeof globalThis.fetch {
  const { retries, maxWaitMs, timeoutMs } = { ...DEFAULTS, ...patience };
  return async (input, init) => {
    const request = withKey(new Request(input, init));
    for (let attempt = 1; ; attempt++) {
      const outcome = await attemptOnce(fetch, request, timeoutMs);
      const isLast = attempt > retries;
      if (outcome instanceof Response) {
        const waitMs = retryAfterMs(outcome) ?? backoffMs(attempt, maxWaitMs);
        if (isLast || !PASSING.has(outcome.status) || waitMs > maxWaitMs) {
          return outcome;
        }
        await outcome.body?.cancel();
        await sleep(waitMs, request.signal);
      } else {
        if (isLast || request.signal.aborted) {
          throw outcome.error;
        }
        await sleep(backoffMs(attempt, maxWaitMs), request.signal);
      }
    }
  };
}

async function attemptOnce(
  fetch: typeof globalThis.fetch,
  request: Request,
  timeoutMs: number,
): Promise<Response | { readonly error: unknown }> {
  try {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
    return await fetch(new Request(request.clone(), { signal }));
  } catch (error) {
    return { error };
  }
}

function withKey(request: Request): Request {
  const { pathname, searchParams } = new URL(request.url);
  const isChange = request.method !== 'GET' && request.method !== 'PUT' && !REPEATABLE.test(pathname);
  const isDryRun = searchParams.get('dryRun') === 'true';
  if (isChange && !isDryRun && !request.headers.has('idempotency-key')) {
    request.headers.set('idempotency-key', randomKey());
  }
  return request;
}

/** Browsers have `randomUUID` only over HTTPS and on localhost. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** Null: the answer does not say. */
function retryAfterMs({ headers }: Response): number | null {
  const value = headers.get('retry-after');
  if (value === null) {
    return null;
  }
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}

function backoffMs(attempt: number, maxWaitMs: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random()), maxWaitMs);
}

/** @throws the reason of the signal, if the caller gives up meanwhile */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const giveUp = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    }, ms);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

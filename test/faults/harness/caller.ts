import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import type { ShownIdentity, IdentifyBody } from '../../support/wire.js';

/** How a call ended. */
export interface Outcome {
  /** 0: there was no answer, the connection was refused or broke. */
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter: string | null;
  /** Of a call without an answer. */
  readonly error: string | null;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
  readonly endedAt: number;
}

const NO_ANSWER_MS = 30_000;

/** Calls a service over connections that it keeps, as a gateway does, and never repeats a call by itself. */
export class Caller {
  private readonly agent = new Agent({ keepAlive: true });

  constructor(readonly url: string) {}

  identify(sighting: IdentifyBody): Promise<Outcome> {
    return this.send('POST', '/identify', JSON.stringify(sighting));
  }

  send(method: string, path: string, body: string | null = null): Promise<Outcome> {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const end = (status: number, headers: IncomingHttpHeaders, text: string, error: Error | null): void =>
        resolve({
          status,
          body: text === '' ? null : JSON.parse(text),
          retryAfter: headers['retry-after'] ?? null,
          error: error && `${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`,
          startedAt,
          endedAt: performance.now(),
        });
      const fail = (error: Error): void => end(0, {}, '', error);
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body ?? '') };
      const sent = request(new URL(path, this.url), {
        method,
        agent: this.agent,
        ...(body !== null && { headers }),
      });
      sent.setTimeout(NO_ANSWER_MS, () => sent.destroy(new Error('no answer')));
      sent.once('error', fail);
      sent.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', fail);
        response.once('end', () => end(response.statusCode ?? 0, response.headers, text, null));
      });
      sent.end(body ?? undefined);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

export function identityOf({ body }: Outcome): ShownIdentity {
  return (body as { contact: ShownIdentity }).contact;
}

export function tookMs({ startedAt, endedAt }: Outcome): number {
  return endedAt - startedAt;
}

export function slowestMs(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((slowest, outcome) => Math.max(slowest, tookMs(outcome)), 0);
}

/** Those that are neither a success nor a refusal that says when to come again. */
export function improper(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(
    ({ status, retryAfter }) => status !== 200 && !(status === 503 && retryAfter !== null),
  );
}

/** Those that failed for another reason than that more calls waited than a busy machine could serve. */
export function failed<T extends Outcome>(outcomes: readonly T[]): T[] {
  return outcomes.filter(
    ({ status, body }) =>
      status !== 200 &&
      !(status === 503 && (body as { detail: string }).detail.includes('too slow for the calls that wait')),
  );
}

/** How many calls ended with which status, as in `200×513 503×2`. */
export function tally(outcomes: readonly Outcome[]): string {
  const groups = [...Map.groupBy(outcomes, ({ status }) => status)].toSorted(([a], [b]) => a - b);
  return groups.map(([status, { length }]) => `${status === 0 ? 'broken' : status}×${length}`).join(' ');
}

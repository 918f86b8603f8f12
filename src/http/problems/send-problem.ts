import type { FastifyReply } from 'fastify';
import type { Problem, ProblemDescription } from './problem.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Headers of every problem document, also if it is sent before the hooks of the server have run. */
export const PROBLEM_HEADERS = {
  'content-type': PROBLEM_MEDIA_TYPE,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const;

/** The document that is sent. */
export function problemOf(
  { slug, title, status, detail, errors }: ProblemDescription,
  requestId: string,
): Problem {
  return { type: `urn:problem:${slug}`, title, status, detail, ...(errors && { errors }), requestId };
}

/** Answers a request with a problem document. */
export function sendProblem(reply: FastifyReply, requestId: string, description: ProblemDescription): void {
  void reply
    .status(description.status)
    .headers({ ...description.headers, ...PROBLEM_HEADERS, 'x-request-id': requestId })
    .send(JSON.stringify(problemOf(description, requestId)));
}

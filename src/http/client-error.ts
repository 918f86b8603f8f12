import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_HEADERS, problemOf } from './problems/problem.js';

const DETAILS: Readonly<Record<number, string>> = {
  400: 'The received bytes are not an HTTP request.',
  408: 'The request did not arrive in time.',
  417: 'The service supports no Expect header other than 100-continue.',
  431: 'The headers of the request are too large.',
};
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** Answers requests that Node's HTTP parser refuses. There is no request object yet, so it writes the bytes itself. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable && awaitsFirstAnswer(socket)) {
    const { status, headers, body } = refusal(STATUS_BY_CODE[error.code ?? ''] ?? 400);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  }
  socket.destroy(error);
}

/**
 * Whether the client would match an answer to the right call: nothing was answered on the connection yet, and if a call is
 * open on it, it is this one, whose body is not complete.
 */
function awaitsFirstAnswer(socket: Socket): boolean {
  const { _httpMessage: underWay } = socket as Socket & { _httpMessage?: ServerResponse | null };
  return socket.bytesWritten === 0 && !(underWay?.req.complete ?? false);
}

/** Answers an `Expect` header other than `100-continue`, which Node passes to no other handler. */
export function answerExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const { status, headers, body } = refusal(417);
  response.writeHead(status, headers).end(body);
}

function refusal(status: number): { status: number; headers: Record<string, string | number>; body: string } {
  const title = STATUS_CODES[status] ?? 'Bad Request';
  const slug = title.toLowerCase().replaceAll(' ', '-');
  const requestId = randomUUID();
  const body = JSON.stringify(
    problemOf({ slug, title, status, detail: DETAILS[status] ?? title }, requestId),
  );
  return {
    status,
    headers: {
      connection: 'close',
      'x-request-id': requestId,
      ...PROBLEM_HEADERS,
      'content-length': Buffer.byteLength(body),
    },
    body,
  };
}

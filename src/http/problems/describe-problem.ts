import { HttpException } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';
import { ForbiddenError } from '../../access/forbidden.error.js';
import { UnauthorizedError } from '../../access/unauthorized.error.js';
import { DatabaseUnavailableError } from '../../database/session/database-unavailable.error.js';
import { ContactNotFoundError } from '../../identity/contact-not-found.error.js';
import { ContentionError } from '../../identity/contention.error.js';
import { allowanceHeaders } from '../../access/allowance-headers.js';
import { OverloadedError } from '../overloaded.error.js';
import { TooManyCallsError } from '../../access/too-many-calls.error.js';
import { InvalidRequestError } from './invalid-request.error.js';
import type { FieldError } from './problem.js';

/** A problem before it is tied to a request. */
export interface ProblemDescription {
  readonly slug: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Headers that tell the client how to go on. */
  readonly headers?: Readonly<Record<string, string>>;
}

const RETRY: Readonly<Record<string, string>> = { 'retry-after': '1' };

/** The code of the error that the JSON parser throws for a body in another encoding. */
export const BODY_NOT_UTF8 = 'BODY_NOT_UTF8';

/** What Fastify refuses before a handler is reached, by its error code. Details are ours: Fastify's may quote input. */
const REFUSALS: Readonly<Record<string, Omit<ProblemDescription, 'status'>>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: {
    slug: 'malformed-json',
    title: 'Malformed JSON',
    detail: 'The body is not valid JSON.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    slug: 'malformed-json',
    title: 'Malformed JSON',
    detail: 'The body is empty; send a JSON object.',
  },
  [BODY_NOT_UTF8]: {
    slug: 'malformed-json',
    title: 'Malformed JSON',
    detail: 'The body is not valid UTF-8.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    slug: 'malformed-request',
    title: 'Malformed request',
    detail: 'The body does not have the length that Content-Length gives.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    slug: 'body-too-large',
    title: 'Body too large',
    detail: 'The body is larger than 16 KiB.',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    slug: 'unsupported-media-type',
    title: 'Unsupported media type',
    detail: 'Send the body as application/json.',
    headers: { accept: 'application/json' },
  },
  FST_ERR_BAD_URL: { slug: 'malformed-request', title: 'Malformed request', detail: 'The URL is not valid.' },
  FST_ERR_MAX_PARAM_LENGTH: {
    slug: 'uri-too-long',
    title: 'URI too long',
    detail: 'A part of the path is too long.',
  },
};

/** Describes any error as a problem, without a word that came from the database or from another caller. */
export function describeProblem(error: unknown): ProblemDescription {
  if (error instanceof InvalidRequestError) {
    const detail =
      error.errors.length === 1
        ? 'The request has an invalid field.'
        : `The request has ${error.errors.length} invalid fields.`;
    return { slug: 'invalid-request', title: 'Invalid request', status: 400, detail, errors: error.errors };
  }
  if (error instanceof ContentionError) {
    return {
      slug: 'contention',
      title: 'Too much contention',
      status: 503,
      detail: 'Too many calls are changing the same identity at once; nothing was written. Try again.',
      headers: RETRY,
    };
  }
  if (error instanceof ContactNotFoundError) {
    return { slug: 'contact-not-found', title: 'Contact not found', status: 404, detail: error.message };
  }
  if (error instanceof UnauthorizedError) {
    return {
      slug: 'unauthorized',
      title: 'Unauthorized',
      status: 401,
      detail: error.message,
      headers: {
        'www-authenticate': `Bearer realm="identity-reconciliation"${error.isMissing ? '' : ', error="invalid_token"'}`,
      },
    };
  }
  if (error instanceof ForbiddenError) {
    return { slug: 'forbidden', title: 'Forbidden', status: 403, detail: error.message };
  }
  if (error instanceof TooManyCallsError) {
    const { callsPerMinute, retryAfterSeconds: resetSeconds } = error;
    return {
      slug: 'too-many-calls',
      title: 'Too many calls',
      status: 429,
      detail: error.message,
      headers: {
        'retry-after': String(resetSeconds),
        ...allowanceHeaders({ callsPerMinute, remaining: 0, resetSeconds }),
      },
    };
  }
  if (error instanceof OverloadedError) {
    return {
      slug: 'overloaded',
      title: 'Overloaded',
      status: 503,
      detail: `The call was not begun: ${error.message}. Try again.`,
      headers: RETRY,
    };
  }
  if (error instanceof HttpException) {
    return describeRefusal(error.cause, error.getStatus());
  }
  if (error instanceof DatabaseUnavailableError) {
    return {
      slug: 'database-unavailable',
      title: 'Database unavailable',
      status: 503,
      detail: `The call could not be served: ${error.message}. Try again.`,
      headers: RETRY,
    };
  }
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return describeRefusal(error, statusCode);
  }
  return {
    slug: 'internal-error',
    title: 'Internal error',
    status: 500,
    detail: 'Something went wrong in the service. The request id leads to the reason in its log.',
  };
}

/** What the framework refuses, by Fastify's error code or, where it gives none, by the status alone. */
function describeRefusal(cause: unknown, status: number): ProblemDescription {
  const { code } = (cause ?? {}) as { code?: unknown };
  const refusal = typeof code === 'string' ? REFUSALS[code] : undefined;
  if (refusal !== undefined) {
    return { ...refusal, status };
  }
  if (status === 404) {
    return {
      slug: 'no-such-route',
      title: 'No such route',
      status,
      detail: 'The service has no such route; /docs lists them all.',
    };
  }
  const title = STATUS_CODES[status] ?? 'Error';
  return {
    slug: title.toLowerCase().replaceAll(/[^a-z]+/g, '-'),
    title,
    status,
    detail: 'The request could not be served.',
  };
}

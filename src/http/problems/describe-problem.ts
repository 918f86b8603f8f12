import { HttpException } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';
import type { ProblemDescription, ProblemError } from './problem.js';

/** The codes of the errors of our JSON parser. */
export const BODY_NOT_JSON = 'BODY_NOT_JSON';
export const BODY_NOT_UTF8 = 'BODY_NOT_UTF8';

/** What Fastify refuses before a handler is reached, by its error code. Details are ours: Fastify's may quote input. */
const REFUSALS: Readonly<Record<string, Omit<ProblemDescription, 'status'>>> = {
  [BODY_NOT_JSON]: {
    slug: 'malformed-json',
    title: 'Malformed JSON',
    detail: 'The body is not valid JSON.',
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
  if (isProblemError(error)) {
    return error.problem;
  }
  if (error instanceof HttpException) {
    return describeRefusal(error.cause, error.getStatus());
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

function isProblemError(error: unknown): error is ProblemError {
  return error instanceof Error && 'problem' in error;
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
      detail: 'The service has no such route.',
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

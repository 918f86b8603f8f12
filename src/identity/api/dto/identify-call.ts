import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LENIENT, prefersLeniency } from '../../../http/preferences.js';
import { readDryRun } from './change-call.js';

/** How `POST /identify` is called. */
export interface IdentifyCall {
  readonly isDryRun: boolean;
  /** Whether a field that is not valid is left out, in place of an error. */
  readonly isLenient: boolean;
  /** The id of the call */
  readonly requestId: string;
  /** States in the answer that the wish for leniency was met. */
  readonly stateLeniency: () => void;
}

const stateNothing = (): void => undefined;

/**
 * How `POST /identify` is called, as a parameter of its route.
 *
 * @throws {InvalidRequestError} if `dryRun` is neither true nor false
 */
export const Calling = createParamDecorator((_: unknown, context: ExecutionContext): IdentifyCall => {
  const http = context.switchToHttp();
  const request = http.getRequest<FastifyRequest>();
  const isDryRun = readDryRun(request);
  const { prefer } = request.headers;
  if (prefer === undefined || !prefersLeniency(String(prefer))) {
    return { isDryRun, isLenient: false, requestId: request.id, stateLeniency: stateNothing };
  }
  return {
    isDryRun,
    isLenient: true,
    requestId: request.id,
    stateLeniency: () => void http.getResponse<FastifyReply>().header('preference-applied', LENIENT),
  };
});

export const PREFER = {
  name: 'Prefer',
  required: false,
  schema: { type: 'string' as const },
  description:
    'With `handling=lenient` (RFC 7240), a field that is not valid is left out and listed in `ignored`, if another identifier is valid. The answer then has `Preference-Applied: handling=lenient`.',
};

export const PREFERENCE_APPLIED = {
  'Preference-Applied': {
    required: false,
    description: 'Says that the call was taken leniently, as it wished.',
    schema: { type: 'string' as const },
    example: LENIENT,
  },
};

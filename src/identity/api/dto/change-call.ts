import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader, ApiQuery } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { callerOf } from '../../../access/access.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { ChangeCall } from '../../change-writer.js';

/** Visible characters of ASCII, as many as a header of a cautious proxy takes. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/** The call for a change, as a parameter of its route; see {@link readChangeCall}. */
export const Changing = createParamDecorator((_: unknown, context: ExecutionContext): ChangeCall =>
  readChangeCall(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** The call for a deletion, which takes no `dryRun` and no `If-Match`; see {@link refuseTrial}. */
export const Deleting = createParamDecorator((_: unknown, context: ExecutionContext): ChangeCall => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  refuseTrial(request);
  return { ...callOf(request), isDryRun: false, ifMatch: null };
});

/** The tenant and the id of a call for a deletion that is no change by hand; see {@link refuseTrial}. */
export const PlainDeletion = createParamDecorator((_: unknown, context: ExecutionContext): DeletionCall => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  refuseTrial(request);
  return { tenantId: callerOf(request).tenantId, requestId: request.id };
});

export interface DeletionCall {
  readonly tenantId: number;
  readonly requestId: string;
}

/**
 * Refuses a deletion that was meant to change nothing, or only what the caller has seen: deletions can't do either, and to
 * ignore the wish would delete for good.
 *
 * @throws {InvalidRequestError} naming `dryRun` or `If-Match`
 */
function refuseTrial(request: FastifyRequest): void {
  if (readDryRun(request)) {
    throw new InvalidRequestError([
      { field: 'dryRun', message: 'a deletion has no dry run; nothing was deleted' },
    ]);
  }
  if (request.headers['if-match'] !== undefined) {
    throw new InvalidRequestError([
      { field: 'If-Match', message: 'a deletion takes no If-Match; nothing was deleted' },
    ]);
  }
}

/**
 * Reads who asks for a change and how: `dryRun`, `If-Match` and `Idempotency-Key`.
 *
 * @throws {InvalidRequestError} naming what is not valid
 */
export function readChangeCall(request: FastifyRequest): ChangeCall {
  const ifMatch = request.headers['if-match'] ?? null;
  return { ...callOf(request), isDryRun: readDryRun(request), ifMatch };
}

/**
 * Whether only to tell what would be. A misspelled name is refused: it would be taken for the call itself.
 *
 * @throws {InvalidRequestError} if it is neither true nor false
 */
export function readDryRun({ query }: FastifyRequest): boolean {
  const { dryRun = 'false', ...others } = query as Readonly<Record<string, unknown>>;
  const misspelled = Object.keys(others).find((name) => /^[^a-z]*dry[^a-z]*run[^a-z]*$/i.test(name));
  if (misspelled !== undefined) {
    throw new InvalidRequestError([{ field: 'dryRun', message: 'the parameter is spelled dryRun' }]);
  }
  if (dryRun !== 'true' && dryRun !== 'false') {
    throw new InvalidRequestError([{ field: 'dryRun', message: 'dryRun must be true or false' }]);
  }
  return dryRun === 'true';
}

function callOf(
  request: FastifyRequest,
): Pick<ChangeCall, 'tenantId' | 'actor' | 'requestId' | 'route' | 'idempotencyKey'> {
  const { tenantId, actor } = callerOf(request);
  const [path] = request.url.split('?', 1);
  const key = request.headers['idempotency-key'] ?? null;
  if (key !== null && (typeof key !== 'string' || !KEY.test(key))) {
    throw new InvalidRequestError([
      { field: 'Idempotency-Key', message: 'Idempotency-Key must have 1 to 255 visible ASCII characters' },
    ]);
  }
  return { tenantId, actor, requestId: request.id, route: `${request.method} ${path}`, idempotencyKey: key };
}

export const DRY_RUN = {
  name: 'dryRun',
  required: false,
  schema: { type: 'boolean' as const, default: false },
  description: 'Tell what would be, and write nothing.',
};

/** Documents the `Idempotency-Key` of a change. */
export function ApiIdempotencyKey(): MethodDecorator {
  return ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
    description:
      'Makes the call safe to repeat for 24 hours: the same key, route and body again make no second change, but tell the change that was made and how its contacts are now. Put no personal data in it.',
  });
}

/** Documents the parameters that every change takes. */
export function ApiChangeParameters(): MethodDecorator {
  return applyDecorators(
    ApiQuery(DRY_RUN),
    ApiHeader({
      name: 'If-Match',
      required: false,
      schema: { type: 'string' },
      description: 'The ETag of a dry run: make the change only if nothing that it rests on has moved since.',
    }),
    ApiIdempotencyKey(),
  );
}

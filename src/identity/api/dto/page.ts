import { applyDecorators } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';

const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;

/** The property `next` of the answers that are one page of a list. */
export const NEXT = {
  type: String,
  nullable: true,
  description: 'Where the next page begins: send it as `after`. Null: this page is the last.',
  example: null,
} as const;

/** Documents the parameters of a list. */
export function ApiPage(): MethodDecorator {
  return applyDecorators(
    ApiQuery({
      name: 'after',
      required: false,
      description: 'The `next` of the page before. Absent: the first page.',
      schema: { type: 'string' },
    }),
    ApiQuery({
      name: 'limit',
      required: false,
      description: 'The most items of a page.',
      schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
    }),
  );
}

/** Documents that a list can be read from its end. */
export function ApiNewest(description: string): MethodDecorator {
  return ApiQuery({
    name: 'order',
    required: false,
    description,
    schema: { type: 'string', enum: ['newest'] },
  });
}

/** Whether a list is read from its end. @throws {InvalidRequestError} if there is no such order */
export function readIsNewestFirst(order: unknown): boolean {
  if (order !== undefined && order !== 'newest') {
    throw new InvalidRequestError([{ field: 'order', message: 'order must be newest, or absent' }]);
  }
  return order === 'newest';
}

/**
 * Reads how many items a page may have.
 *
 * @throws {InvalidRequestError} naming `limit` if it is not a whole number from 1 to 200
 */
export function readLimit(value: unknown): number {
  if (value === undefined) {
    return DEFAULT_LIMIT;
  }
  const limit = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new InvalidRequestError([
      { field: 'limit', message: `limit must be a whole number from 1 to ${MAX_LIMIT}` },
    ]);
  }
  return limit;
}

/**
 * Reads where a page begins.
 *
 * @param read what a cursor means; null: it is none
 * @returns null: the first page
 * @throws {InvalidRequestError} naming `after` if it is no cursor
 */
export function readAfter<T>(value: unknown, read: (cursor: string) => T | null): T | null {
  if (value === undefined) {
    return null;
  }
  const after = typeof value === 'string' ? read(value) : null;
  if (after === null) {
    throw noPage();
  }
  return after;
}

/** The refusal of an `after` that no page gave. */
export function noPage(): InvalidRequestError {
  return new InvalidRequestError([{ field: 'after', message: 'after must be the next of another page' }]);
}

/** Reads a cursor that is an id. */
export function idOf(cursor: string): number | null {
  const id = /^\d{1,16}$/.test(cursor) ? Number(cursor) : 0;
  return id >= 1 && Number.isSafeInteger(id) ? id : null;
}

import { getMetadataStorage, validateSync } from 'class-validator';
import type { UnknownProperties } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { FieldError } from '../../../http/problems/problem.js';
import { mistakesOfNames } from './unknown-properties.js';

/**
 * Reads a body: an instance of its class with the properties that have rules there. A reason is trimmed.
 *
 * @param body undefined: none was sent, which is as good as an empty one
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readBody<T extends object>(
  type: new () => T,
  body: unknown,
  unknownProperties: UnknownProperties,
): T {
  const sent = body === undefined ? {} : body;
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) {
    throw new InvalidRequestError([{ field: 'body', message: 'the body must be a JSON object' }]);
  }
  const known = namesOf(type);
  const request = new type();
  for (const name of known) {
    if (Object.hasOwn(sent, name)) {
      const value = (sent as Record<string, unknown>)[name];
      Object.assign(request, {
        [name]: name === 'reason' && typeof value === 'string' ? value.trim() : value,
      });
    }
  }
  const mistakes = [
    ...(unknownProperties === 'reject' ? mistakesOfNames(Object.keys(sent), known) : []),
    ...mistakesOf(request),
  ];
  if (mistakes.length > 0) {
    throw new InvalidRequestError(mistakes);
  }
  return request;
}

/** The first mistake of each field, by the rules of its class. */
export function mistakesOf(request: object): FieldError[] {
  return validateSync(request, { stopAtFirstError: true }).map(({ property, constraints = {} }) => ({
    field: property,
    message: Object.values(constraints)[0] ?? `${property} is invalid`,
  }));
}

/** The properties of a class that have rules. */
function namesOf(type: new () => object): string[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  return [...new Set(rules.map(({ propertyName }) => propertyName))];
}

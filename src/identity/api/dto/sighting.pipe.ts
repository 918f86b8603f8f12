import { Injectable, type PipeTransform } from '@nestjs/common';
import { validateSync } from 'class-validator';
import { Settings } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import type { Sighting } from '../../domain/contact.js';
import { normaliseEmail, normalisePhone } from '../../domain/normalise.js';
import { IdentifyRequest } from './identify.request.js';

/**
 * Turns a request body into a sighting: normalises first, judges the result, so that both happen once and here.
 *
 * Nest's ValidationPipe is not used: it would walk the whole body, unknown properties and all, and its transformations
 * can't see the settings.
 */
@Injectable()
export class SightingPipe implements PipeTransform<unknown, Sighting> {
  constructor(private readonly settings: Settings) {}

  /** @throws {InvalidRequestError} naming each field at fault */
  transform(body: unknown): Sighting {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new InvalidRequestError([{ field: 'body', message: 'the body must be a JSON object' }]);
    }
    const { email, phoneNumber } = body as Record<string, unknown>;
    const request = new IdentifyRequest(this.readEmail(email), this.readPhone(phoneNumber));
    const mistakes = validateSync(request, { stopAtFirstError: true });
    if (mistakes.length > 0) {
      throw new InvalidRequestError(
        mistakes.map(({ property, constraints = {} }) => ({
          field: property,
          message: Object.values(constraints)[0] ?? `${property} is invalid`,
        })),
      );
    }
    return request as Sighting;
  }

  private readEmail(value: unknown): unknown {
    return typeof value === 'string' ? normaliseEmail(value) : (value ?? null);
  }

  private readPhone(value: unknown): unknown {
    const text = isWholeNumber(value) ? String(value) : value;
    return typeof text === 'string' ? normalisePhone(text, this.settings.defaultPhoneRegion) : (text ?? null);
  }
}

/** Numbers from 2^53 on have lost digits on their way here, but they have more digits than a phone number anyway. */
function isWholeNumber(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

import type { PipeTransform } from '@nestjs/common';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';

/** Reads a contact id from the path or the query: a whole number from 1 to 2^53 - 1. */
export class ContactIdPipe implements PipeTransform<string, number> {
  /** @param field the name of the parameter */
  constructor(private readonly field = 'id') {}

  /** @throws {InvalidRequestError} for anything else */
  transform(text: string): number {
    const id = Number(text);
    if (!/^\d{1,16}$/.test(text) || id < 1 || !Number.isSafeInteger(id)) {
      throw new InvalidRequestError([
        { field: this.field, message: `${this.field} must be a whole number from 1 to 9007199254740991` },
      ]);
    }
    return id;
  }
}

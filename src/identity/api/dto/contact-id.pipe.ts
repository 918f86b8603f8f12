import { Injectable, type PipeTransform } from '@nestjs/common';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';

/** Reads a contact id from the path: a whole number from 1 to 2^53 - 1. */
@Injectable()
export class ContactIdPipe implements PipeTransform<string, number> {
  /** @throws {InvalidRequestError} for anything else */
  transform(text: string): number {
    const id = Number(text);
    if (!/^\d{1,16}$/.test(text) || id < 1 || !Number.isSafeInteger(id)) {
      throw new InvalidRequestError([
        { field: 'id', message: 'id must be a whole number from 1 to 9007199254740991' },
      ]);
    }
    return id;
  }
}

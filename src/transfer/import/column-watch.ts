import type { Telling } from './column-names.js';
import { isPhoneLike } from './phone-cell.js';

/** Cells of a column that are looked at. */
const LOOKED_AT = 1000;
/** Longer cells are texts. */
const LENGTH_MAX = 200;
const EMAIL_LIKE = /[^\s@<(]+@[^\s@]+\.\p{L}{2,}/u;
/** A number in any form, in a column whose name tells of one */
const NUMBER = /^[+(\d][\d\s()./-]{5,20}$/;

/** Looks at the cells of a column that is not read, so that people are told if it seems to hold emails or phone numbers. */
export class ColumnWatch {
  private filled = 0;
  private emails = 0;
  private phones = 0;

  /**
   * @param name as people are told it
   * @param telling what the name tells that it holds
   */
  constructor(
    readonly name: string,
    private readonly telling: Telling | null,
  ) {}

  /** Whether enough cells were looked at. */
  get isDone(): boolean {
    return this.filled >= LOOKED_AT;
  }

  look(cell: unknown): void {
    if (cell === '' || cell === null || cell === undefined) {
      return;
    }
    for (const each of Array.isArray(cell) ? cell : [cell]) {
      const text = typeof each === 'number' ? String(each) : each;
      if (typeof text !== 'string' || text.length === 0) {
        continue;
      }
      this.filled++;
      if (text.length > LENGTH_MAX || text.length < 6) {
        continue;
      }
      if (text.includes('@') && EMAIL_LIKE.test(text)) {
        this.emails++;
      } else if (
        this.telling === 'phone' ? NUMBER.test(text) : typeof each === 'string' && isPhoneLike(text)
      ) {
        this.phones++;
      }
    }
  }

  /** What the column seems to hold; null: neither. */
  get looksLike(): Telling | null {
    return this.emails > 0 && this.emails * 5 >= this.filled
      ? 'email'
      : this.phones > 0 && this.phones * 2 >= this.filled
        ? 'phone'
        : null;
  }
}

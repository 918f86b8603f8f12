/** One record of the input, as it is written there. */
export interface TextRecord {
  /** The line it starts on, from 1 */
  readonly line: number;
  /** Where the next record begins: characters from the start of the text */
  readonly end: number;
  /** The line of that place */
  readonly endLine: number;
  /** The fields of a CSV record; of NDJSON the line itself */
  readonly fields: readonly string[];
  /** Why the record can't be read, or null; if it can't, `fields` holds the line where it begins. */
  readonly fault: string | null;
}

/** Cuts text into records. It keeps no more text than the record that is not complete yet. */
export interface RecordParser {
  /** Takes in the next piece of the text. */
  push(text: string): void;
  /** The next record, or null if the rest is no whole one yet. @param isEnd whether no more text will come */
  next(isEnd: boolean): TextRecord | null;
  /** Goes on at the record that begins there; for text that was read before. */
  seek(position: number, line: number): void;
}

/** A row can't be taken. The message gives the reason and shows no value. */
export class Rejection extends Error {
  override readonly name = 'Rejection';
}

/** Longest record, in characters. Behind it the rest of the line is skipped, so that memory stays bounded. */
export const RECORD_MAX = 16 * 1024 * 1024;

const LF = 10;
const CR = 13;

/** The part of a text that is being parsed, with its place in the whole text. */
export class TextWindow {
  text = '';
  /** Index into `text`. What comes before it is done. */
  at = 0;
  /** Line of the character at `at`, from 1. */
  line = 1;
  private base = 0;
  private seekTo = 0;

  /** Characters before `at` in the whole text. */
  get position(): number {
    return this.base + this.at;
  }

  push(text: string): void {
    this.base += this.at;
    this.text = this.text.slice(this.at) + text;
    this.at = Math.max(0, Math.min(this.seekTo - this.base, this.text.length));
  }

  seek(position: number, line: number): void {
    this.seekTo = position;
    this.line = line;
    this.at = Math.min(position - this.base, this.text.length);
  }

  /** Where the line that begins at `from` ends, without its line break; -1: not known yet. */
  lineEnd(from: number, isEnd: boolean): number {
    for (let i = from; i < this.text.length; i++) {
      const char = this.text.charCodeAt(i);
      if (char === LF || char === CR) {
        return char === CR && !isEnd && i + 1 === this.text.length ? -1 : i;
      }
    }
    return isEnd ? this.text.length : -1;
  }

  /**
   * Passes over the rest of the line at `at`.
   *
   * @returns the place of the line, as a record has it; null: its end is not there yet, and what is there is dropped
   */
  skipLine(isEnd: boolean): Pick<TextRecord, 'line' | 'end' | 'endLine'> | null {
    const end = this.lineEnd(this.at, isEnd);
    if (end === -1) {
      // all but a \r that may be half of a line break
      this.at = this.text.endsWith('\r') ? this.text.length - 1 : this.text.length;
      return null;
    }
    this.at = this.afterBreak(end);
    const line = this.line++;
    return { line, end: this.position, endLine: this.line };
  }

  /** The index after the line break at `index`, if there is one. */
  afterBreak(index: number): number {
    const isPair = this.text.charCodeAt(index) === CR && this.text.charCodeAt(index + 1) === LF;
    return Math.min(index + (isPair ? 2 : 1), this.text.length);
  }
}

/** Parses NDJSON: each line is a record. Blank lines are skipped. */
export class LineParser implements RecordParser {
  private readonly window = new TextWindow();
  /** The start of a line that is too long, while the rest of the line is skipped */
  private tooLong: string | null = null;

  push(text: string): void {
    this.window.push(text);
  }

  seek(position: number, line: number): void {
    this.window.seek(position, line);
  }

  next(isEnd: boolean): TextRecord | null {
    const { window } = this;
    while (window.at < window.text.length) {
      const end = window.lineEnd(window.at, isEnd);
      if (end === -1) {
        this.skipLongLine();
        return null;
      }
      const start = this.tooLong ?? window.text.slice(window.at, end);
      const fault = this.tooLong === null ? null : 'the line is longer than 16 MiB';
      this.tooLong = null;
      window.at = window.afterBreak(end);
      const line = window.line++;
      if (start.trim() !== '') {
        return { line, end: window.position, endLine: window.line, fields: [start], fault };
      }
    }
    return null;
  }

  private skipLongLine(): void {
    const { window } = this;
    if (this.tooLong !== null || window.text.length - window.at > RECORD_MAX) {
      this.tooLong ??= window.text.slice(window.at, window.at + 1000);
      window.at = window.text.endsWith('\r') ? window.text.length - 1 : window.text.length;
    }
  }
}

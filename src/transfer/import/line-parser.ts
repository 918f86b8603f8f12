import { RECORD_MAX, type RecordParser, type TextRecord } from './record.js';
import { TextWindow } from './text-window.js';

/** NDJSON: each line is a record; blank lines are passed over. */
export class LineParser implements RecordParser {
  private readonly window = new TextWindow();
  /** The start of a line that is too long, whose rest is being passed over. */
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
        this.passLongLine();
        return null;
      }
      const start = this.tooLong ?? window.text.slice(window.at, end);
      const fault = this.tooLong === null ? null : 'the line is longer than 16 MiB';
      this.tooLong = null;
      window.at = window.behindBreak(end);
      const line = window.line++;
      if (start.trim() !== '') {
        return { line, end: window.position, endLine: window.line, fields: [start], fault };
      }
    }
    return null;
  }

  private passLongLine(): void {
    const { window } = this;
    if (this.tooLong !== null || window.text.length - window.at > RECORD_MAX) {
      this.tooLong ??= window.text.slice(window.at, window.at + 1000);
      window.at = window.text.endsWith('\r') ? window.text.length - 1 : window.text.length;
    }
  }
}

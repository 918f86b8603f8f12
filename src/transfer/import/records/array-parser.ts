import { RECORD_MAX, TextWindow, type RecordParser, type TextRecord } from './record.js';

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const BRACKET = 91;
const OPENING = new Set([BRACKET, 123]);
const CLOSING = new Set([93, 125]);
const BYTE_ORDER_MARK = 0xfeff;
/** What may stand between two elements, line breaks aside */
const BETWEEN = new Set([TAB, SPACE, COMMA, BYTE_ORDER_MARK]);

/** Where an element ends; `open`: more text is needed; or why it can't be read. */
type Scan = { readonly end: number; readonly lines: number } | 'open' | { readonly fault: string };

const NEVER_CLOSED = { fault: 'a quote or bracket is never closed' };
const AFTER_END = { fault: 'there is text after the end of the array' };

/**
 * Cuts a JSON array into its elements, each a record as it is written there. They need not stand on lines of their own.
 * What an element holds is not judged, but a fault costs one line, not the file, as in CSV.
 */
export class ArrayParser implements RecordParser {
  private readonly window = new TextWindow();
  private isIn = false;
  private isClosed = false;
  private faulty: { readonly fault: string; readonly field: string } | null = null;

  push(text: string): void {
    this.window.push(text);
  }

  seek(position: number, line: number): void {
    this.isIn = true;
    this.window.seek(position, line);
  }

  next(isEnd: boolean): TextRecord | null {
    const { window } = this;
    while (this.faulty === null && this.skipBetween()) {
      if (!this.isClosed && CLOSING.has(window.text.charCodeAt(window.at))) {
        window.at++;
        this.isClosed = true;
        continue;
      }
      const scan = this.isClosed ? AFTER_END : this.scan(isEnd);
      const isOpen = scan === 'open' || ('fault' in scan && window.lineEnd(window.at, isEnd) === -1);
      if (isOpen && !isEnd && window.text.length - window.at <= RECORD_MAX) {
        return null;
      }
      if (scan === 'open' || 'fault' in scan) {
        const field = window.text.slice(window.at, window.lineEnd(window.at, true)).slice(0, 1000);
        this.faulty = { ...(scan === 'open' ? NEVER_CLOSED : scan), field };
        break;
      }
      const { line } = window;
      const text = window.text.slice(window.at, scan.end).trimEnd();
      window.at = scan.end;
      window.line += scan.lines;
      return { line, end: window.position, endLine: window.line, fields: [text], fault: null };
    }
    if (this.faulty !== null) {
      const passed = window.skipLine(isEnd);
      const { fault, field } = this.faulty;
      this.faulty = passed === null ? this.faulty : null;
      return passed === null ? null : { ...passed, fields: [field], fault };
    }
    return isEnd && !this.isClosed ? this.unfinished() : null;
  }

  /** The record that tells that the end of the array is missing. */
  private unfinished(): TextRecord {
    this.isClosed = true;
    const { line, position } = this.window;
    return { line, end: position, endLine: line, fields: [''], fault: 'the array ends before it is closed' };
  }

  /** Passes over what may stand between two elements. @returns whether there is more */
  private skipBetween(): boolean {
    const { window } = this;
    for (; window.at < window.text.length; window.at++) {
      const char = window.text.charCodeAt(window.at);
      if (char === CR && window.at + 1 === window.text.length) {
        // maybe half of a line break
        return false;
      }
      if (!this.isIn && char === BRACKET) {
        this.isIn = true;
      } else if (char === LF || (char === CR && window.text.charCodeAt(window.at + 1) !== LF)) {
        window.line++;
      } else if (char !== CR && !BETWEEN.has(char)) {
        return true;
      }
    }
    return false;
  }

  private scan(isEnd: boolean): Scan {
    const { text, at } = this.window;
    let depth = 0;
    let lines = 0;
    let isQuoted = false;
    for (let i = at; i < text.length; i++) {
      const char = text.charCodeAt(i);
      if (char === LF || char === CR) {
        if (isQuoted) {
          return { fault: 'a quote is not closed in its line' };
        }
        lines += Number(char === LF || text.charCodeAt(i + 1) !== LF);
      } else if (isQuoted) {
        isQuoted = char !== QUOTE;
        i += Number(char === BACKSLASH);
      } else if (char === QUOTE) {
        isQuoted = true;
      } else if (OPENING.has(char)) {
        depth++;
      } else if (depth === 0 && (char === COMMA || CLOSING.has(char))) {
        return { end: i, lines };
      } else if (CLOSING.has(char)) {
        depth--;
      }
    }
    return isEnd && depth === 0 && !isQuoted ? { end: text.length, lines } : 'open';
  }
}

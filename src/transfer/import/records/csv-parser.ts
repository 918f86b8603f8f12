import { RECORD_MAX, TextWindow, type RecordParser, type TextRecord } from './record.js';

const QUOTE = 34;
const LF = 10;
const CR = 13;
const SPACE = 32;

/** A whole record; `open`: more text is needed; or why it can't be read. */
type Scan = { readonly fields: string[]; readonly end: number; readonly lines: number } | 'open' | Fault;
interface Fault {
  readonly fault: string;
}

const NEVER_CLOSED = { fault: 'a quote is never closed' };
const TOO_LONG = { fault: 'the record is longer than 16 MiB, or a quote is never closed' };
const AFTER_QUOTE = { fault: 'there is text after a closing quote' };

/**
 * Parses CSV as RFC 4180 defines it and as people write it: \n, \r\n or \r ends a record, a quote inside an unquoted
 * field is text, and lines that are blank but for delimiters are skipped.
 *
 * Written by hand because a fault must cost one line, not the file: parsing goes on in the line after the one where the
 * faulty record begins. It also gives the exact place of each record, which a resumed import needs.
 */
export class CsvParser implements RecordParser {
  private readonly window = new TextWindow();
  private readonly delimiter: number;
  private faulty: (Fault & { readonly field: string }) | null = null;

  /** @param delimiter one character */
  constructor(delimiter: string) {
    this.delimiter = delimiter.charCodeAt(0);
  }

  push(text: string): void {
    this.window.push(text);
  }

  seek(position: number, line: number): void {
    this.window.seek(position, line);
  }

  next(isEnd: boolean): TextRecord | null {
    const { window } = this;
    while (this.faulty === null && window.at < window.text.length) {
      const scan = this.scan(isEnd);
      const isOpen = scan === 'open' || ('fault' in scan && window.lineEnd(window.at, isEnd) === -1);
      if (isOpen && window.text.length - window.at <= RECORD_MAX) {
        return null;
      }
      if (scan === 'open' || 'fault' in scan) {
        const firstLine = window.text.slice(window.at, window.lineEnd(window.at, true));
        this.faulty = { ...(scan === 'open' ? TOO_LONG : scan), field: firstLine.slice(0, 1000) };
        break;
      }
      const { line } = window;
      window.at = scan.end;
      window.line += scan.lines;
      if (scan.fields.some((field) => field.trim() !== '')) {
        return { line, end: window.position, endLine: window.line, fields: scan.fields, fault: null };
      }
    }
    return this.faulty === null ? null : this.skipLine(this.faulty, isEnd);
  }

  /** Skips the line of a faulty record, which may need more text. */
  private skipLine({ fault, field }: Fault & { readonly field: string }, isEnd: boolean): TextRecord | null {
    const passed = this.window.skipLine(isEnd);
    if (passed === null) {
      return null;
    }
    this.faulty = null;
    return { ...passed, fields: [field], fault };
  }

  private scan(isEnd: boolean): Scan {
    const { text } = this.window;
    const fields: string[] = [];
    let lines = 1;
    for (let start = this.window.at; ; start++) {
      if (text.charCodeAt(start) === QUOTE) {
        const quoted = this.quoted(start, isEnd);
        if (quoted === 'open' || 'fault' in quoted) {
          return quoted;
        }
        fields.push(quoted.field);
        lines += quoted.lines;
        start = quoted.end;
      } else {
        const end = this.plainEnd(start);
        fields.push(text.slice(start, end));
        start = end;
      }
      if (text.charCodeAt(start) === this.delimiter) {
        continue;
      }
      const isCut = start >= text.length || (start + 1 === text.length && text.charCodeAt(start) === CR);
      return isCut && !isEnd ? 'open' : { fields, lines, end: this.window.afterBreak(start) };
    }
  }

  private plainEnd(start: number): number {
    const { text } = this.window;
    let end = start;
    for (; end < text.length; end++) {
      const char = text.charCodeAt(end);
      if (char === this.delimiter || char === LF || char === CR) {
        break;
      }
    }
    return end;
  }

  private quoted(
    start: number,
    isEnd: boolean,
  ): { readonly field: string; readonly end: number; readonly lines: number } | 'open' | Fault {
    const { text } = this.window;
    let close = text.indexOf('"', start + 1);
    let isEscaped = false;
    while (close !== -1 && text.charCodeAt(close + 1) === QUOTE) {
      isEscaped = true;
      close = text.indexOf('"', close + 2);
    }
    // a quote at the very end of the text may be the first of a pair
    if (close === -1 || (close + 1 === text.length && !isEnd)) {
      return isEnd ? NEVER_CLOSED : 'open';
    }
    let end = close + 1;
    while (text.charCodeAt(end) === SPACE && this.delimiter !== SPACE) {
      end++;
    }
    const after = text.charCodeAt(end);
    if (end < text.length && after !== this.delimiter && after !== LF && after !== CR) {
      return AFTER_QUOTE;
    }
    const raw = text.slice(start + 1, close);
    return { field: isEscaped ? raw.replaceAll('""', '"') : raw, end, lines: lineBreaks(raw) };
  }
}

function lineBreaks(text: string): number {
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}

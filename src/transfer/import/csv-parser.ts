import { RECORD_MAX, type RecordParser, type TextRecord } from './record.js';
import { TextWindow } from './text-window.js';

const QUOTE = 34;
const LF = 10;
const CR = 13;
const SPACE = 32;

/** A whole record, or `open`: more text is needed, or why it is none. */
type Scan = { readonly fields: string[]; readonly end: number; readonly lines: number } | 'open' | Fault;
interface Fault {
  readonly fault: string;
}

const NEVER_CLOSED = { fault: 'a quote is never closed' };
const TOO_LONG = { fault: 'the record is longer than 16 MiB, or a quote is never closed' };
const BEHIND_QUOTE = { fault: 'there is text behind a closing quote' };

/**
 * CSV as RFC 4180 has it, and as people write it: \n, \r\n or \r ends a record; a quote inside an unquoted field is text;
 * blank lines are passed over.
 *
 * Our own, because a fault has to cost one line and not the file: it goes on at the line behind the one where the
 * faulty record begins. It also tells the exact place of each record, for resuming.
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
      if (scan.fields.length > 1 || scan.fields[0] !== '') {
        return { line, end: window.position, endLine: window.line, fields: scan.fields, fault: null };
      }
    }
    return this.faulty === null ? null : this.passLine(this.faulty, isEnd);
  }

  /** Passes over the line of a faulty record, which may need more text. */
  private passLine({ fault, field }: Fault & { readonly field: string }, isEnd: boolean): TextRecord | null {
    const { window } = this;
    const end = window.lineEnd(window.at, isEnd);
    if (end === -1) {
      // all but a \r that may be half of a line break
      window.at = window.text.endsWith('\r') ? window.text.length - 1 : window.text.length;
      return null;
    }
    this.faulty = null;
    window.at = window.behindBreak(end);
    const line = window.line++;
    return { line, end: window.position, endLine: window.line, fields: [field], fault };
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
      return isCut && !isEnd ? 'open' : { fields, lines, end: this.window.behindBreak(start) };
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
    const behind = text.charCodeAt(end);
    if (end < text.length && behind !== this.delimiter && behind !== LF && behind !== CR) {
      return BEHIND_QUOTE;
    }
    const raw = text.slice(start + 1, close);
    return { field: isEscaped ? raw.replaceAll('""', '"') : raw, end, lines: lineBreaks(raw) };
  }
}

function lineBreaks(text: string): number {
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}

import { DELIMITERS } from '../../csv.js';
import { TransferError, type FileFormat } from '../../files.js';
import { ArrayParser } from './array-parser.js';
import { CsvParser } from './csv-parser.js';
import { LineParser, type RecordParser } from './record.js';

/** How records are written. */
export interface RecordFormat {
  readonly format: FileFormat;
  /** null: detected in the first line; CSV only */
  readonly delimiter: string | null;
  /** Lines before the header; CSV only */
  readonly skipLines: number;
}

/** A parser that has taken in the start of the text. */
export interface OpenParser {
  readonly parser: RecordParser;
  /** Of CSV */
  readonly delimiter: string;
}

/** Characters among which the end of the first line is looked for. */
const FIRST_LINE_MAX = 65_536;
/** The line with which programs tell a spreadsheet the delimiter */
const SEPARATOR_LINE = /^"?sep=(.)"?[,;\t| ]*(?:\r\n|\n|\r)/i;

/** Some programs give a table of a web page the name of a workbook. */
const WEB_PAGE = /^\s*<(?:!doctype|html|table|head|meta|\?xml)\b/i;

/**
 * Opens the parser that fits the start of a text.
 *
 * @throws {TransferError} if it is no such text
 */
export async function openParser(
  text: AsyncGenerator<string>,
  { format, delimiter: given, skipLines }: RecordFormat,
): Promise<OpenParser> {
  const { start, skipped } = await startOf(text, format === 'csv' ? skipLines : 0);
  if (WEB_PAGE.test(start)) {
    throw new TransferError('This is a web page or XML. Export the data as CSV and import that.');
  }
  if (format === 'ndjson') {
    const parser = start.trimStart().startsWith('[') ? new ArrayParser() : new LineParser();
    parser.push(start);
    return { parser, delimiter: ',' };
  }
  const [separatorLine = '', separator] = SEPARATOR_LINE.exec(start.slice(skipped)) ?? [];
  const begin = skipped + separatorLine.length;
  const delimiter = given ?? separator ?? likelyDelimiter(start.slice(begin));
  const parser = new CsvParser(delimiter);
  parser.push(start);
  parser.seek(begin, 1 + skipLines + Number(separator !== undefined));
  return { parser, delimiter };
}

/** The start of a text with a whole line in it that is not blank, and the length of the lines to be skipped. */
async function startOf(
  text: AsyncGenerator<string>,
  skipLines: number,
): Promise<{ start: string; skipped: number }> {
  const lines = new RegExp(String.raw`^(?:[^\r\n]*(?:\r\n|\n|\r(?!$))){${skipLines}}`);
  let start = '';
  for (;;) {
    const skipped = lines.exec(start)?.[0].length;
    const isEnough = skipped !== undefined && /[^\s][^\r\n]*[\r\n]/.test(start.slice(skipped));
    if (isEnough || start.length - (skipped ?? 0) >= FIRST_LINE_MAX * (1 + skipLines)) {
      return { start, skipped: skipped ?? start.length };
    }
    const { value, done } = await text.next();
    if (done === true) {
      return { start, skipped: skipped ?? start.length };
    }
    start += value;
  }
}

/** The usual delimiter that occurs most often in the first line, outside of quotes. */
function likelyDelimiter(start: string): string {
  const [line = ''] = start
    .trimStart()
    .replaceAll(/"[^"]*"/g, '')
    .split(/[\r\n]/, 1);
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: line.split(delimiter).length }));
  return counts.reduce((most, each) => (each.count > most.count ? each : most)).delimiter;
}

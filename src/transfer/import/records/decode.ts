import { TransferError } from '../../files.js';

/** What is said when a file is in none of the encodings that show by themselves. Any name that `TextDecoder` knows is taken. */
const ENCODINGS_TO_TRY =
  'windows-1252 (Western Europe), windows-1250 (Central Europe), windows-1251 (Cyrillic), windows-1253 to windows-1258, ' +
  'gb18030 (Chinese), big5 (Chinese), shift_jis (Japanese), euc-kr (Korean), utf-16le or utf-16be';

/** Bytes among which a byte order mark or the pattern of UTF-16 is looked for. */
const HEAD_BYTES = 64;
const LF = 10;

/** The usual name of an encoding of the WHATWG Encoding Standard; null: there is none of that name. */
export function encodingOf(name: string): string | null {
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return null;
  }
}

/**
 * Decodes text and drops its byte order mark.
 *
 * @param given null: by the byte order mark, UTF-8 without one
 * @throws {TransferError} naming the line of the first bytes that are no text in the encoding, and what to try
 */
export async function* decode(chunks: AsyncGenerator<Buffer>, given: string | null): AsyncGenerator<string> {
  try {
    const head = await start(chunks, HEAD_BYTES);
    // "latin1" is read as windows-1252, which contains all of its characters
    const decoder = new TextDecoder(given ?? detect(head), { fatal: true });
    const lines = new LineCount(decoder.encoding);
    const decoded = (chunk: Buffer): string => {
      try {
        const text = decoder.decode(chunk, { stream: true });
        lines.add(chunk);
        return text;
      } catch {
        throw undecodable(decoder.encoding, lines.firstBad(chunk));
      }
    };
    yield decoded(head);
    for await (const chunk of chunks) {
      yield decoded(chunk);
    }
    try {
      yield decoder.decode();
    } catch {
      throw undecodable(decoder.encoding, lines.last);
    }
  } finally {
    await chunks.return(undefined);
  }
}

/** The first chunks as one, at least `length` bytes if the input has as many: a pipe may deliver single bytes. */
export async function start(chunks: AsyncGenerator<Buffer>, length: number): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < length) {
    const { value, done } = await chunks.next();
    if (done === true) {
      break;
    }
    head = Buffer.concat([head, value]);
  }
  return head;
}

function detect(head: Buffer): string {
  if (/^(?:\xFF\xFE\0\0|\0\0\xFE\xFF)/.test(head.toString('latin1', 0, 4))) {
    throw new TransferError('This is UTF-32 text. Save it as UTF-8 and import that.');
  }
  if (head[0] === 0xff && head[1] === 0xfe) {
    return 'utf-16le';
  }
  if (head[0] === 0xfe && head[1] === 0xff) {
    return 'utf-16be';
  }
  const zeros = [0, 1].map((half) => head.filter((byte, i) => byte === 0 && i % 2 === half).length);
  // some zeros are no sign: only their row is damaged
  if (Math.max(...zeros) > head.length / 4) {
    const likely = zeros[1]! > zeros[0]! ? 'utf-16le' : 'utf-16be';
    throw new TransferError(
      `The file is not UTF-8 text; it looks like UTF-16. Give its encoding: --encoding ${likely}.`,
    );
  }
  return 'utf-8';
}

function undecodable(encoding: string, line: number): TransferError {
  const name = encoding === 'utf-8' ? 'UTF-8' : encoding;
  return new TransferError(
    `Line ${line} is not ${name} text. Give the encoding of the file with --encoding: ${ENCODINGS_TO_TRY}.`,
  );
}

/** Counts lines of bytes, to find the one that can't be decoded. */
class LineCount {
  /** The line of the next byte, from 1 */
  last = 1;
  /** What came of that line before the next chunk, of the last chunk only */
  private rest: Buffer = Buffer.alloc(0);
  private readonly encoding: string;

  constructor(encoding: string) {
    this.encoding = encoding;
  }

  add(chunk: Buffer): void {
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) {
      this.last++;
    }
    this.rest = chunk.subarray(chunk.lastIndexOf(LF) + 1);
  }

  /** The first line that can't be decoded, of a chunk that can't. */
  firstBad(chunk: Buffer): number {
    const bytes = Buffer.concat([this.rest, chunk]);
    let line = this.last;
    // A line of UTF-16 does not end behind the byte of a line feed.
    for (let from = 0; from < bytes.length && !this.encoding.startsWith('utf-16'); line++) {
      const end = bytes.indexOf(LF, from) + 1 || bytes.length;
      if (!this.isText(bytes.subarray(from, end))) {
        return line;
      }
      from = end;
    }
    return this.last;
  }

  private isText(line: Buffer): boolean {
    try {
      new TextDecoder(this.encoding, { fatal: true }).decode(line);
      return true;
    } catch {
      return false;
    }
  }
}

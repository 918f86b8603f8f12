import { createHash } from 'node:crypto';
import { constants, createReadStream, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { fileTrouble, TransferError } from '../../files.js';

export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'latin1', 'windows-1252'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Bytes read at once. */
const CHUNK_BYTES = 256 * 1024;
/** First bytes that tell one file from another. */
const HEAD_BYTES = 64 * 1024;

/** Names of the standard input. It may be a socket, which can't be opened by its name. */
const STANDARD_INPUT = new Set(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);
/** Names of devices and open files, such as those that `<(…)` of a shell gives. Nothing can be written next to them. */
const OPEN_FILE = /^\/(?:dev|proc)\//;

/** Tells whether a file is the one that a checkpoint belongs to. */
export interface FileFingerprint {
  readonly size: number;
  readonly modifiedMs: number;
  /** SHA-256 of the first bytes */
  readonly head: string;
}

/** The source of the rows: a file, the standard input or a pipe. */
export interface Input {
  /** null: the standard input, a pipe or a device, which can't be read again */
  readonly file: FileFingerprint | null;
  /** Bytes read so far, of `file.size` */
  bytesRead(): number;
  /** The text, unpacked and decoded, in pieces of any length */
  text(): AsyncGenerator<string>;
}

/**
 * Opens a file, or the standard input for `-`. Gzip is recognised by its first bytes, the encoding by a byte order mark;
 * without one it is UTF-8. A path that is no regular file is read once, like the standard input.
 *
 * @param encoding null: detected
 * @param stop ends the wait for input that does not come
 * @throws {TransferError} if the file can't be read
 */
export async function openInput(path: string, encoding: Encoding | null, stop: AbortSignal): Promise<Input> {
  const isStandard = isStandardInput(path);
  const file = isStandard ? null : await fingerprintOf(path);
  const chunks = isStandard ? process.stdin : await openChunks(path);
  let bytes = 0;
  const counted = count(chunks, file === null ? stop : null, (length) => (bytes += length));
  return { file, bytesRead: () => bytes, text: () => decode(unpack(counted), encoding) };
}

export function isStandardInput(path: string): boolean {
  return STANDARD_INPUT.has(path);
}

async function fingerprintOf(path: string): Promise<FileFingerprint | null> {
  try {
    const found = await stat(path);
    if (OPEN_FILE.test(path) || (!found.isFile() && !found.isDirectory())) {
      return null;
    }
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { end: HEAD_BYTES - 1 })) {
      hash.update(chunk as Buffer);
    }
    return { size: found.size, modifiedMs: Math.trunc(found.mtimeMs), head: hash.digest('hex') };
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * Opens a file. A pipe is opened so that waiting for it can be given up: an ordinary read of a pipe that
 * nobody writes to keeps a thread, and the process with it.
 */
async function openChunks(path: string): Promise<Readable> {
  try {
    if (!(await stat(path)).isFIFO()) {
      return createReadStream(path, { highWaterMark: CHUNK_BYTES });
    }
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): TransferError {
  return new TransferError(`${path} can't be read: ${fileTrouble(error, 'read')}.`);
}

async function* count(
  chunks: Readable,
  stop: AbortSignal | null,
  add: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const giveUp = (): unknown => chunks.destroy();
  stop?.addEventListener('abort', giveUp, { once: true });
  if (stop?.aborted) {
    // a signal that came while the program was loading
    giveUp();
  }
  try {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      add(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw stop?.aborted
      ? new TransferError('The import was stopped.')
      : new TransferError(`The rest of the file can't be read: ${fileTrouble(error, 'read')}.`);
  } finally {
    stop?.removeEventListener('abort', giveUp);
  }
}

async function* unpack(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const head = await start(chunks, 4);
  try {
    yield* unpackAfter(head, chunks);
  } finally {
    // also if the rest is not read: an open standard input keeps the process alive
    await chunks.return(undefined);
  }
}

async function* unpackAfter(head: Buffer, chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length >= 4 && head.readUInt32BE() === 0x504b0304) {
    throw new TransferError(
      'This is a ZIP archive or a spreadsheet; save it as CSV, or unpack it, and import that.',
    );
  }
  if (head.length < 2 || head.readUInt16BE() !== 0x1f8b) {
    yield head;
    yield* chunks;
    return;
  }
  const packed = Readable.from(after(head, chunks), { objectMode: false });
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  packed.on('error', (error) => gunzip.destroy(error)).pipe(gunzip);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw error instanceof TransferError
      ? error
      : new TransferError(`The gzip file is damaged or incomplete: ${fileTrouble(error, 'read')}.`);
  } finally {
    packed.destroy();
  }
}

async function* decode(chunks: AsyncGenerator<Buffer>, given: Encoding | null): AsyncGenerator<string> {
  try {
    const head = await start(chunks, 64);
    // Drops the byte order mark. "latin1" is read as windows-1252, which contains all of its characters.
    const decoder = new TextDecoder(given ?? detect(head));
    yield decoder.decode(head, { stream: true });
    for await (const chunk of chunks) {
      yield decoder.decode(chunk, { stream: true });
    }
    yield decoder.decode();
  } finally {
    await chunks.return(undefined);
  }
}

function detect(head: Buffer): Encoding {
  if (head[0] === 0xff && head[1] === 0xfe) {
    return 'utf-16le';
  }
  if (head[0] === 0xfe && head[1] === 0xff) {
    return 'utf-16be';
  }
  if (head.includes(0)) {
    throw new TransferError(
      'The file is not UTF-8 text. Give its encoding, for example --encoding utf-16le.',
    );
  }
  return 'utf-8';
}

/** The first chunks as one, at least `length` bytes if the input has as many: a pipe may deliver single bytes. */
async function start(chunks: AsyncGenerator<Buffer>, length: number): Promise<Buffer> {
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

async function* after(head: Buffer, chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* chunks;
}

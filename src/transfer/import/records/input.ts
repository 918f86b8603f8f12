import { createHash } from 'node:crypto';
import { constants, createReadStream, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { fileTrouble, TransferError, type StandardStreams } from '../../files.js';
import { decode, start } from './decode.js';

/** Bytes read at once. */
const CHUNK_BYTES = 256 * 1024;
/** First bytes that tell one file from another. */
const HEAD_BYTES = 64 * 1024;

const ZIP = 'PK\u0003\u0004';
/** Bytes of an archive among which names are looked for. */
const ZIP_NAMES_BYTES = 4096;

/** Files that are no text, by their first bytes, and what to do. Gzip is unpacked. */
const FORMATS: readonly { readonly bytes: string; readonly message: string }[] = [
  { bytes: ZIP, message: '' },
  { bytes: 'PK\u0005\u0006', message: 'This is an empty ZIP archive.' },
  {
    bytes: '\u00D0\u00CF\u0011\u00E0',
    message: 'This is an Excel workbook of the old form (.xls). Save it as "CSV UTF-8" and import that.',
  },
  {
    bytes: '\t\b',
    message: 'This is an Excel workbook of an old form (.xls). Save it as "CSV UTF-8" and import that.',
  },
  { bytes: '%PDF', message: 'This is a PDF. Export the data as CSV and import that.' },
  { bytes: 'BZh', message: 'This is a bzip2 archive. Unpack it and import the file in it.' },
  { bytes: '\u00FD7zX', message: 'This is an xz archive. Unpack it and import the file in it.' },
  { bytes: '(\u00B5/\u00FD', message: 'This is a Zstandard archive. Unpack it and import the file in it.' },
  { bytes: '7z\u00BC\u00AF', message: 'This is a 7-Zip archive. Unpack it and import the file in it.' },
  { bytes: 'Rar!', message: 'This is a RAR archive. Unpack it and import the file in it.' },
];

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
 * A regular file is decoded to its end first, so that nothing is written of one that is in another encoding.
 *
 * @param encoding null: detected
 * @param stop ends the wait for input that does not come
 * @throws {TransferError} if the file can't be read
 */
export async function openInput(
  path: string,
  streams: StandardStreams,
  encoding: string | null,
  stop: AbortSignal,
): Promise<Input> {
  const isStandard = isStandardInput(path);
  const file = isStandard ? null : await fingerprintOf(path);
  const chunks = isStandard ? streams.stdin : await openChunks(path);
  if (file !== null) {
    await requireText(path, encoding, stop);
  }
  let bytes = 0;
  const counted = count(chunks, file === null ? stop : null, (length) => (bytes += length));
  return { file, bytesRead: () => bytes, text: () => decode(unpack(counted), encoding) };
}

/** @throws {TransferError} if the file is no text in the encoding */
async function requireText(path: string, encoding: string | null, stop: AbortSignal): Promise<void> {
  const chunks = count(await openChunks(path), stop, () => undefined);
  for await (const _ of decode(unpack(chunks), encoding)) {
    // read for its faults only
  }
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
  const format = FORMATS.find(({ bytes }) => head.toString('latin1').startsWith(bytes));
  if (format !== undefined) {
    throw new TransferError(
      format.bytes === ZIP ? ofArchive(await start(after(head, chunks), ZIP_NAMES_BYTES)) : format.message,
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

/** What an archive is can be told by the names of the first files in it. */
function ofArchive(head: Buffer): string {
  const names = head.toString('latin1');
  if (/\[Content_Types\]\.xml|_rels\/|xl\/|docProps\//.test(names)) {
    return 'This is an Excel workbook (.xlsx). Save it as "CSV UTF-8" and import that.';
  }
  return names.includes('opendocument')
    ? 'This is an OpenDocument spreadsheet (.ods). Save it as CSV in UTF-8 and import that.'
    : 'This is a ZIP archive. Unpack it and import the file in it.';
}

async function* after(head: Buffer, chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* chunks;
}

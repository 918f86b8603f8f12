import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';

/** The standard streams of a command; those of the process, unless a caller gives it others. */
export interface StandardStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** An import or export can't start or can't continue. The message is for the person who started it. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
}

export const FILE_FORMATS = ['csv', 'ndjson'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

const FORMAT_BY_EXTENSION: Readonly<Record<string, FileFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  txt: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'ndjson',
};

/** The format that the name of a file tells, gzipped or not; null: it tells none. */
export function formatOf(path: string): FileFormat | null {
  const extension = /\.([a-z]+)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  return FORMAT_BY_EXTENSION[extension ?? ''] ?? null;
}

/** As {@link formatOf}. What has the name of a workbook or an archive may be text; if not, its first bytes tell what it is. */
export function formatToReadOf(path: string): FileFormat | null {
  return (
    formatOf(path) ??
    (/\.(?:xls[xmb]?|ods|numbers|zip|7z|rar|pdf|html?|xml)(?:\.gz)?$/i.test(path) ? 'csv' : null)
  );
}

/** Only the user who runs the command may read what an import or export writes: it holds personal data. */
const PRIVATE = 0o600;

/**
 * Creates a file that only its owner may read. Replaces a file of the same name.
 *
 * @param name what an error calls it
 * @throws {TransferError} if it can't be created
 */
export async function createPrivately(path: string, name = path): Promise<FileHandle> {
  try {
    // an existing file would keep its mode, and a link would lead elsewhere
    await rm(path, { force: true });
    return await open(path, 'wx', PRIVATE);
  } catch (error) {
    throw new TransferError(`${name} can't be written: ${fileTrouble(error, 'write')}.`);
  }
}

/**
 * Opens a file that {@link createPrivately} created, to continue writing.
 *
 * @returns null if it is not there any more
 */
export async function reopenPrivately(path: string): Promise<FileHandle | null> {
  const file = await open(path, 'r+').catch(() => null);
  await file?.chmod(PRIVATE);
  return file;
}

/** Replaces the whole content of a file at once: a reader sees the old content or the new one. */
export async function replacePrivately(path: string, content: string): Promise<void> {
  const next = `${path}.tmp`;
  const file = await createPrivately(next);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  await rename(next, path);
}

/** Why a file can't be read or written, in a few words. */
export function fileTrouble(error: unknown, purpose: 'read' | 'write'): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: purpose === 'read' ? 'there is no such file' : 'there is no such folder',
    ENOTDIR: 'a part of the path is not a folder',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ERR_FS_EISDIR: 'it is a folder',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
  };
  return known[String(code)] ?? message;
}

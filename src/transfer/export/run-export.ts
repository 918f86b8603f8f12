import { createWriteStream } from 'node:fs';
import { lstat, realpath, rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Settings } from '../../config/settings.js';
import { createPrivately, TransferError, type FileFormat, type StandardStreams } from '../files.js';
import { openService } from '../open-service.js';
import { exportIdentities, type ExportCount } from './exporter.js';

export interface ExportOptions {
  /** A file, or `-` for the standard output */
  readonly path: string;
  readonly streams: StandardStreams;
  readonly format: FileFormat;
  readonly isExcelSafe: boolean;
  /** Name of a tenant; null: the only one there is */
  readonly tenant: string | null;
}

/**
 * Exports all identities to a file; see {@link intoFile}.
 *
 * @throws {TransferError} if the file can't be written
 */
export async function runExport(settings: Settings, options: ExportOptions): Promise<ExportCount> {
  const { path, streams, format, isExcelSafe, tenant } = options;
  return intoFile(path, streams, async (write) => {
    await using service = await openService(settings, 1, tenant);
    return await exportIdentities(
      service.session,
      service.tenantId,
      format,
      isExcelSafe,
      service.events,
      write,
    );
  });
}

/**
 * Writes a file that only its owner may read, gzipped if its name ends in `.gz`. The file gets its name when it is complete, and
 * not before. If the path is a pipe or a device, the text is written to that, and for `-` to the standard output.
 *
 * @param work writes the text; the file is opened before
 * @throws {TransferError} if the file can't be written
 */
export async function intoFile<T>(
  path: string,
  streams: StandardStreams,
  work: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const target = await openTarget(path, streams);
  const gzip = /\.gz$/i.test(path) ? createGzip() : null;
  gzip?.pipe(target.stream);
  const ended = finished(target.stream, { readable: false });
  let broken: unknown = null;
  ended.catch((error: unknown) => (broken = error));
  try {
    const result = await work((text) => put(gzip ?? target.stream, text, ended));
    if (gzip !== null || target.isOurs) {
      (gzip ?? target.stream).end();
      await ended;
    }
    await target.complete();
    return result;
  } catch (error) {
    await target.discard();
    // The session would report a broken pipe as the loss of its own connection.
    throw broken ?? error;
  }
}

interface Target {
  readonly stream: Writable;
  /** Whether the stream was opened here; the standard output was not */
  readonly isOurs: boolean;
  complete(): Promise<void>;
  discard(): Promise<void>;
}

async function openTarget(path: string, { stdout }: StandardStreams): Promise<Target> {
  if (path === '-') {
    return {
      stream: stdout,
      isOurs: false,
      complete: async () => undefined,
      discard: async () => undefined,
    };
  }
  // a link stays a link; the file behind it is replaced
  const real = await realpath(path).catch(() => path);
  const found = await lstat(real).catch(() => null);
  if (found?.isDirectory()) {
    throw new TransferError(`${path} can't be written: it is a folder.`);
  }
  const isFile = found === null || found.isFile();
  const partial = `${real}.partial`;
  const stream = isFile
    ? (await createPrivately(partial, path)).createWriteStream()
    : createWriteStream(path);
  return {
    stream,
    isOurs: true,
    complete: async () => {
      if (isFile) {
        await rename(partial, real);
      }
    },
    discard: async () => {
      stream.destroy();
      if (isFile) {
        await rm(partial, { force: true });
      }
    },
  };
}

/** Waits while the target takes no more: memory stays bounded however slow it is. */
async function put(stream: Writable, text: string, ended: Promise<void>): Promise<void> {
  if (!stream.write(text)) {
    await Promise.race([once(stream, 'drain'), ended]);
  }
}

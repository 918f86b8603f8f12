import { createWriteStream } from 'node:fs';
import { lstat, rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Settings } from '../../config/settings.js';
import type { FileFormat } from '../files.js';
import { openService } from '../open-service.js';
import { exportIdentities, type ExportCount } from './exporter.js';

export interface ExportOptions {
  /** A file, or `-` for the standard output */
  readonly path: string;
  readonly format: FileFormat;
  readonly isExcelSafe: boolean;
  /** Name of a tenant; null: the only one there is */
  readonly tenant: string | null;
}

/**
 * Exports all identities to a file, gzipped if its name ends in `.gz`. The file gets its name when it is complete, and
 * not before. If the path is a pipe or a device, the export is written to that.
 */
export async function runExport(settings: Settings, options: ExportOptions): Promise<ExportCount> {
  const { path, format, isExcelSafe, tenant } = options;
  await using service = await openService(settings, 1, tenant);
  const isNamed = path !== '-';
  const isFile = isNamed && (await isFileOrNothing(path));
  const partial = `${path}.partial`;
  const target: Writable = isNamed ? createWriteStream(isFile ? partial : path) : process.stdout;
  const gzip = /\.gz$/i.test(path) ? createGzip() : null;
  gzip?.pipe(target);
  const ended = finished(target, { readable: false });
  let broken: unknown = null;
  ended.catch((error: unknown) => (broken = error));
  try {
    const count = await exportIdentities(service.session, service.tenantId, format, isExcelSafe, (text) =>
      put(gzip ?? target, text, ended),
    );
    if (gzip !== null || isNamed) {
      (gzip ?? target).end();
      await ended;
    }
    if (isFile) {
      await rename(partial, path);
    }
    return count;
  } catch (error) {
    // The session would report a broken pipe as the loss of its own connection.
    const cause = broken ?? error;
    if (isNamed) {
      target.destroy();
    }
    if (isFile) {
      await rm(partial, { force: true });
    }
    throw cause;
  }
}

async function isFileOrNothing(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found === null || found.isFile();
}

/** Waits while the target takes no more: memory stays bounded however slow it is. */
async function put(stream: Writable, text: string, ended: Promise<void>): Promise<void> {
  if (!stream.write(text)) {
    await Promise.race([once(stream, 'drain'), ended]);
  }
}

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { Settings } from '../../config/settings.js';
import type { ChangeCall } from '../../identity/change-writer.js';
import { ErasureKeyMismatchError } from '../../identity/identity.errors.js';
import type { RepeatableErasure } from '../../identity/store/erasure-records.js';
import { intoFile } from '../export/run-export.js';
import { TransferError, type StandardStreams } from '../files.js';
import { openService, type OpenService } from '../open-service.js';
import { erasureLine, headerLine, readErasures } from './erasure-file.js';

const PAGE_SIZE = 500;

/** What came of the erasures of a file. */
export interface AppliedErasures {
  readonly repeated: number;
  /** The database had them already. */
  readonly known: number;
  /** Contacts that were removed or lost an identifier. */
  readonly contacts: number;
  /** Identifiers that were found. */
  readonly identifiers: number;
}

/**
 * Exports what repeats the erasures of a tenant on a restored backup: ids of contacts and keyed hashes, no personal data.
 *
 * @returns how many there are
 * @throws {TransferError} if the file can't be written
 */
export async function exportErasures(
  settings: Settings,
  {
    path,
    streams,
    tenant,
  }: {
    readonly path: string;
    readonly streams: StandardStreams;
    readonly tenant: string | null;
  },
): Promise<number> {
  return intoFile(path, streams, async (write) => {
    await using service = await openService(settings, 1, tenant);
    await write(headerLine(service.erasureKey.ownHash));
    let count = 0;
    for await (const erasures of pagesOf(service)) {
      await write(erasures.map(erasureLine).join(''));
      count += erasures.length;
    }
    return count;
  });
}

/**
 * Repeats the erasures of a file on a database that does not have them. It may be stopped and run again.
 *
 * All that is stored is read once, hashed, and compared with the hashes of the file. What was recorded after an erasure stays.
 *
 * @param onRows called with the number of rows that were read, again and again
 * @throws {TransferError} if it is no file of erasures
 * @throws {ErasureKeyMismatchError} if they were made with another key
 */
export async function applyErasures(
  settings: Settings,
  options: {
    readonly path: string;
    readonly streams: StandardStreams;
    readonly tenant: string | null;
    readonly actor: string;
    readonly onRows: (rows: number) => void;
  },
): Promise<AppliedErasures> {
  const { keyHash, erasures } = readErasures(await textOf(options.path, options.streams));
  await using service = await openService(settings, 1, options.tenant);
  const { tenantId, erasureKey, erasureRecords } = service;
  if (keyHash !== erasureKey.ownHash) {
    throw new ErasureKeyMismatchError();
  }
  const there = new Set<string>();
  for await (const page of pagesOf(service)) {
    page.forEach((erasure) => there.add(signOf(erasure)));
  }
  const missing = erasures.filter((erasure) => !there.has(signOf(erasure)));
  const untilOf = latestTimes(missing);
  const traces = await erasureRecords.findErased(
    tenantId,
    (identifier, recordedAt) => recordedAt <= (untilOf.get(erasureKey.hashOf(identifier)) ?? -1),
    options.onRows,
  );
  const byHash = new Map(traces.map((trace) => [erasureKey.hashOf(trace.identifier), trace]));
  const call: ChangeCall = {
    tenantId,
    actor: options.actor,
    isDryRun: false,
    ifMatch: null,
    route: 'erasures apply',
    idempotencyKey: null,
  };
  let contacts = 0;
  for (const erasure of missing) {
    const own = erasure.hashes.map((hash) => byHash.get(hash)).filter((trace) => trace !== undefined);
    contacts += await service.erasures.repeat(call, erasure, own);
  }
  return {
    repeated: missing.length,
    known: erasures.length - missing.length,
    contacts,
    identifiers: traces.length,
  };
}

async function* pagesOf({ erasureRecords, tenantId }: OpenService): AsyncGenerator<RepeatableErasure[]> {
  for (let after = 0; ;) {
    const page = await erasureRecords.after(tenantId, after, PAGE_SIZE);
    if (page.length === 0) {
      return;
    }
    yield page;
    after = page.at(-1)!.id;
  }
}

/** The same for an erasure and its repetition. Ids are drawn anew after a restore, so they don't tell. */
function signOf({ createdAt, scope, hashes }: RepeatableErasure): string {
  return JSON.stringify([createdAt, scope, hashes.toSorted()]);
}

/** By hash: when it was erased last, in µs since 1970. */
function latestTimes(erasures: readonly RepeatableErasure[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { hashes, createdAt } of erasures) {
    hashes.forEach((hash) => times.set(hash, Math.max(createdAt, times.get(hash) ?? 0)));
  }
  return times;
}

async function textOf(path: string, streams: StandardStreams): Promise<string> {
  try {
    const bytes = path === '-' ? await buffer(streams.stdin) : await readFile(path);
    return (/\.gz$/i.test(path) ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw new TransferError(`The file can't be read: ${(error as Error).message}`);
  }
}

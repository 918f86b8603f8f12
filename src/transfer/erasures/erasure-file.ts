import { ERASURE_SCOPES, type ErasureScope } from '../../identity/domain/writes.js';
import type { RepeatableErasure } from '../../identity/store/erasure-records.js';
import { TransferError } from '../files.js';

// A file of erasures: one JSON object a line. The first one tells the key of the hashes from others. It has no personal data: ids
// of contacts that are gone, and keyed hashes.

const HASH = /^[0-9a-f]{64}$/;

/** What `erasures export` writes first. */
export function headerLine(keyHash: string): string {
  return `${JSON.stringify({ erasures: 1, keyHash })}\n`;
}

export function erasureLine(erasure: RepeatableErasure): string {
  const { id, scope, contacts, identifiers, createdAt, blockedUntil, contactIds, hashes } = erasure;
  const told = { erasureId: id, scope, contacts, identifiers, erasedAt: createdAt, blockedUntil };
  return `${JSON.stringify({ ...told, contactIds, hashes })}\n`;
}

/**
 * Reads a file of erasures.
 *
 * @throws {TransferError} if it is not one, or is cut off
 */
export function readErasures(text: string): { keyHash: string; erasures: RepeatableErasure[] } {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const [header, ...rest] = lines.map((line, i) => parsed(line, i + 1));
  const keyHash = header?.keyHash;
  if (header?.erasures !== 1 || typeof keyHash !== 'string' || !HASH.test(keyHash)) {
    throw new TransferError('This is no file of erasures: `erasures export` makes one.');
  }
  return { keyHash, erasures: rest.map((value, i) => erasureOf(value, i + 2)) };
}

function parsed(line: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) {
      return value as Record<string, unknown>;
    }
  } catch {
    // told below
  }
  throw new TransferError(
    `Line ${number} is no JSON object: the file is cut off, or is no file of erasures.`,
  );
}

function erasureOf(value: Record<string, unknown>, number: number): RepeatableErasure {
  const { erasureId, scope, contacts, identifiers, erasedAt, blockedUntil, contactIds, hashes } = value;
  const isValid =
    [erasureId, contacts, identifiers, erasedAt, blockedUntil].every(Number.isSafeInteger) &&
    ERASURE_SCOPES.includes(scope as ErasureScope) &&
    Array.isArray(contactIds) &&
    contactIds.every(Number.isSafeInteger) &&
    Array.isArray(hashes) &&
    hashes.every((hash) => typeof hash === 'string' && HASH.test(hash));
  if (!isValid) {
    throw new TransferError(`Line ${number} is no erasure.`);
  }
  return {
    id: erasureId as number,
    status: 'done',
    scope: scope as ErasureScope,
    contacts: contacts as number,
    identifiers: identifiers as number,
    createdAt: erasedAt as number,
    doneAt: null,
    blockedUntil: blockedUntil as number,
    contactIds: contactIds as number[],
    hashes: hashes as string[],
  };
}

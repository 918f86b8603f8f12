import { LRUCache } from 'lru-cache';
import type { Identity, Sighting } from '../domain/contact.js';
import { factsOf } from '../domain/facts.js';

/** Enough for the few identities that grow so large; each one more costs every batch a look. */
const MAX_IDENTITIES = 64;
/** Bytes that a row takes in memory with all that is derived from it, beside its identifiers; and each of those. */
const ROW_BYTES = 250;
const IDENTIFIER_BYTES = 150;

interface Entry {
  readonly tenantId: number;
  readonly identity: Identity;
}

/**
 * The large identities that were read lately, so that not all their rows have to be read and sent for every call.
 *
 * It is never trusted: what it knows is offered to the database as (primary, version), and used only where the snapshot
 * that answers the call has that very version. A version counts every change of an identity and never comes back.
 */
export class IdentityCache {
  private readonly entries: LRUCache<string, Entry>;

  /**
   * @param minContacts rows from which on an identity is kept
   * @param maxBytes memory for all of them, roughly; 0 keeps none
   */
  constructor(
    private readonly minContacts: number,
    private readonly maxBytes: number,
  ) {
    this.entries = new LRUCache({
      max: MAX_IDENTITIES,
      maxSize: Math.max(maxBytes, 1),
      sizeCalculation: ({ identity }) => bytesOf(identity),
    });
  }

  /** The kept identities that one of the sightings concerns, as far as is known. */
  candidates(tenantId: number, sightings: readonly Sighting[]): Identity[] {
    return this.entries.size === 0
      ? []
      : this.ofTenant(tenantId).filter((identity) => concerns(identity, sightings));
  }

  /** All that is kept of a tenant. */
  ofTenant(tenantId: number): Identity[] {
    return [...this.entries.values()]
      .filter((entry) => entry.tenantId === tenantId)
      .map(({ identity }) => identity);
  }

  /** Whether an identity is large enough to be kept. */
  takes({ rows }: Identity): boolean {
    return this.maxBytes > 0 && rows.length >= this.minContacts;
  }

  /** Keeps an identity as it was read, if it is large. */
  keep(tenantId: number, identity: Identity): void {
    if (!this.takes(identity)) {
      return;
    }
    const key = `${tenantId}:${identity.primaryId}`;
    // To look it up counts as use, and costs nothing; to keep it anew is to weigh it.
    if (this.entries.get(key)?.identity !== identity) {
      this.entries.set(key, { tenantId, identity });
    }
  }
}

function concerns(identity: Identity, sightings: readonly Sighting[]): boolean {
  const { holders } = factsOf(identity);
  return sightings.some(({ identifiers }) => identifiers.some((identifier) => holders.has(identifier)));
}

function bytesOf({ rows }: Identity): number {
  return rows.reduce(
    (sum, { identifiers }) =>
      identifiers.reduce((bytes, { value }) => bytes + IDENTIFIER_BYTES + value.length, sum + ROW_BYTES),
    0,
  );
}

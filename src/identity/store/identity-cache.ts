import { LRUCache } from 'lru-cache';
import type { Identity, Sighting } from '../domain/contact.js';
import { factsOf } from '../domain/facts.js';

/** Enough for the few identities that grow so large. Every batch looks at each of them. */
const MAX_IDENTITIES = 64;
/** Memory in bytes of a row, with everything derived from it but without its identifiers; and of each identifier. */
const ROW_BYTES = 250;
const IDENTIFIER_BYTES = 150;
const SAMPLE_ROWS = 512;

interface Entry {
  readonly tenantId: number;
  readonly identity: Identity;
}

/**
 * The large identities that were read recently, so that not every call reads all their rows.
 *
 * It is never trusted: the load offers its entries to the database as (primary, version), and uses one only if the snapshot
 * of the call has the same version. A version counts every change of an identity and never comes back.
 */
export class IdentityCache {
  private readonly entries: LRUCache<string, Entry>;

  /**
   * @param minContacts an identity with this many rows or more is kept
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

  /** The kept identities that share an identifier with the sightings. */
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

  /** The tenants that something is kept of. */
  tenantIds(): Set<number> {
    return new Set([...this.entries.values()].map(({ tenantId }) => tenantId));
  }

  /** Forgets all that is kept of a tenant. */
  drop(tenantId: number): void {
    for (const [key, entry] of this.entries.entries()) {
      if (entry.tenantId === tenantId) {
        this.entries.delete(key);
      }
    }
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
    // A look-up counts as use and costs nothing. Keeping it again would compute its size.
    if (this.entries.get(key)?.identity !== identity) {
      this.entries.set(key, { tenantId, identity });
    }
  }
}

function concerns(identity: Identity, sightings: readonly Sighting[]): boolean {
  const { holders } = factsOf(identity);
  return sightings.some(({ identifiers }) => identifiers.some((identifier) => holders.has(identifier)));
}

/** Memory of an identity, estimated by some of its rows: a growing one is kept again and again. */
function bytesOf({ rows }: Identity): number {
  const step = Math.ceil(rows.length / SAMPLE_ROWS);
  let bytes = 0;
  for (let at = 0; at < rows.length; at += step) {
    bytes += rows[at]!.identifiers.reduce(
      (sum, { value }) => sum + IDENTIFIER_BYTES + value.length,
      ROW_BYTES,
    );
  }
  return bytes * step;
}

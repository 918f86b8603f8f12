import type { Identifier } from './domain/contact.js';
import type { ErasedValues } from './domain/policy.js';
import type { ErasureKey } from './erasure-key.js';

/** The erased identifiers of a tenant that live calls must not bring back yet. */
export class BlockedHashes implements ErasedValues {
  /** @param untils by hash: until when, in µs since 1970 */
  constructor(
    private readonly key: Pick<ErasureKey, 'hashesOf'>,
    readonly untils: ReadonlyMap<string, number>,
  ) {}

  isBlocked(identifier: Identifier): boolean {
    const now = Date.now() * 1_000;
    return this.key.hashesOf(identifier).some((hash) => (this.untils.get(hash) ?? 0) > now);
  }
}

import type { Identifier } from './domain/contact.js';
import type { ErasedValues } from './domain/policy.js';
import type { ErasureKey } from './erasure-key.js';

/** The erased identifiers of a tenant that live calls must not bring back yet. */
export class BlockedHashes implements ErasedValues {
  /** @param untils by hash: until when, in µs since 1970 */
  constructor(
    private readonly key: Pick<ErasureKey, 'hashOf'>,
    readonly untils: ReadonlyMap<string, number>,
  ) {}

  isBlocked(identifier: Identifier): boolean {
    const until = this.untils.get(this.key.hashOf(identifier));
    return until !== undefined && until > Date.now() * 1_000;
  }
}

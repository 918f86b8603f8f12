import { Injectable } from '@nestjs/common';
import type { Identifier, Sighting } from './domain/contact.js';
import { IdentifierMap } from './domain/identifier-map.js';
import { admitRecord } from './domain/policy.js';
import { ErasureKey } from './erasure-key.js';
import { ErasureKeyMismatchError } from './identity.errors.js';
import { ErasureRecords } from './store/erasure-records.js';

/** What erasures left: keyed hashes, by which old records are kept from bringing back what was erased. */
@Injectable()
export class Tombstones {
  constructor(
    private readonly records: ErasureRecords,
    private readonly key: ErasureKey,
  ) {}

  /**
   * Records of the past without what was erased, also under an older form; see {@link admitRecord}. One look-up for all of them,
   * and none if the tenant never erased anything.
   *
   * @returns in order; those that nothing was left out of are the same objects
   * @throws {ErasureNotConfiguredError} if something was erased and there is no key to tell what
   * @throws {ErasureKeyMismatchError} if it was erased with another key
   */
  async admitAll(tenantId: number, sightings: readonly Sighting[]): Promise<readonly Sighting[]> {
    if (!(await this.records.hasAny(tenantId))) {
      return sightings;
    }
    const hashes = new IdentifierMap<readonly string[]>();
    for (const { identifiers } of sightings) {
      identifiers.forEach((each) => hashes.has(each) || hashes.set(each, this.key.hashesOf(each)));
    }
    const keyHash = this.key.ownHash;
    const found = await this.records.tombstonesOf(tenantId, [keyHash, ...[...hashes.items()].flat()]);
    if (!found.has(keyHash)) {
      throw new ErasureKeyMismatchError();
    }
    return sightings.map((sighting) =>
      admitRecord(sighting, (identifier: Identifier) => {
        const untils = hashes.get(identifier)!.flatMap((hash) => found.get(hash) ?? []);
        return untils.length === 0 ? undefined : Math.max(...untils);
      }),
    );
  }
}

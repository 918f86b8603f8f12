import { lostIdentifiers, split, type Leaving } from '../../../src/identity/domain/split.js';
import type { MemoryStore } from './memory-store.js';

/** A split of what is stored, which also reads who has the identifiers that only deleted contacts carry. */
export function splitOf(store: MemoryStore, contactId: number, leaving: Leaving): ReturnType<typeof split> {
  const { evidence, policy } = store.loadEvidence([contactId], []);
  const lost = lostIdentifiers(contactId, leaving, evidence, policy.kinds);
  return split(contactId, leaving, store.loadEvidence([contactId], [{ identifiers: lost }]));
}

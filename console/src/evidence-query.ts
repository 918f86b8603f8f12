import { queryOptions } from '@tanstack/react-query';
import type { Evidence } from '../../clients/typescript/src/index.js';
import { api } from './api.js';

/** Why the contacts of an identity are one person, and what draws it. */
export function evidenceQuery(contactId: number) {
  return queryOptions({
    queryKey: ['evidence', contactId],
    queryFn: async () => {
      // loaded meanwhile, because what React waits for itself it shows 300 ms later
      const [{ data }, { EvidenceGraph }] = await Promise.all([
        api.getEvidence({ path: { id: contactId } }),
        import('./evidence-graph.js'),
      ]);
      return { evidence: data as Evidence, EvidenceGraph };
    },
    // comparing 20,000 contacts with those of the last answer would stop the page
    structuralSharing: false,
  });
}

import { useQuery } from '@tanstack/react-query';
import type { Identity } from '../../clients/typescript/src/index.js';
import { api } from './api.js';

interface Options {
  readonly refetchOnWindowFocus?: false;
  readonly refetchOnReconnect?: false;
}

/** The people that some contacts belong to, each once. */
export function usePeople(contactIds: readonly number[], options: Options = {}) {
  return useQuery({
    ...options,
    queryKey: ['people', ...contactIds],
    queryFn: () => peopleOf(contactIds),
    enabled: contactIds.length > 0,
  });
}

async function peopleOf(contactIds: readonly number[]): Promise<Identity[]> {
  const found = await Promise.all(
    contactIds.map(async (id) => (await api.getContact({ path: { id } })).data.contact),
  );
  return [...new Map(found.map((identity) => [identity.primaryContactId, identity])).values()];
}

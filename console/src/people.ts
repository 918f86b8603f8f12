import { useQuery } from '@tanstack/react-query';
import type { Identity } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { isProblem } from './problem.js';

interface Options {
  readonly refetchOnWindowFocus?: false;
  readonly refetchOnReconnect?: false;
  /** Contacts that are deleted or erased count for nobody; without it they are an error. */
  readonly leavesOutGone?: boolean;
}

/** The people that some contacts belong to, each once. */
export function usePeople(
  contactIds: readonly number[],
  { leavesOutGone = false, ...options }: Options = {},
) {
  return useQuery({
    ...options,
    queryKey: ['people', leavesOutGone, ...contactIds],
    queryFn: () => peopleOf(contactIds, leavesOutGone),
    enabled: contactIds.length > 0,
  });
}

async function peopleOf(contactIds: readonly number[], leavesOutGone: boolean): Promise<Identity[]> {
  const read = contactIds.map(async (id) => {
    try {
      return [(await api.getContact({ path: { id } })).data.contact];
    } catch (error) {
      if (leavesOutGone && isProblem(error, 'contact-not-found')) {
        return [];
      }
      throw error;
    }
  });
  const found = (await Promise.all(read)).flat();
  return [...new Map(found.map((identity) => [identity.primaryContactId, identity])).values()];
}

import { useNavigate, useSearch } from '@tanstack/react-router';
import { startTransition, useCallback, useMemo, useOptimistic } from 'react';
import { idsOf } from './router.js';

/** So many can be chosen at once, because they stand in the address. */
export const MAX_CHOSEN = 100;

/** The ids that are chosen, which the address keeps, what chooses one or no longer does, and what chooses none. */
export function useChosen(): readonly [ReadonlySet<number>, (id: number) => void, () => void] {
  const { chosen: list } = useSearch({ strict: false });
  const navigate = useNavigate();
  const kept = useMemo(() => new Set(idsOf(list)), [list]);
  // the address follows a moment later
  const [chosen, show] = useOptimistic(kept, toggled);
  const toggle = useCallback(
    (id: number) =>
      startTransition(async () => {
        show(id);
        await navigate({
          to: '.',
          search: (old) => ({
            ...old,
            chosen: [...toggled(new Set(idsOf(old.chosen)), id)].join(',') || undefined,
          }),
          replace: true,
          resetScroll: false,
        });
      }),
    [show, navigate],
  );
  const chooseNone = useCallback(
    () =>
      void navigate({
        to: '.',
        search: (old) => ({ ...old, chosen: undefined }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  return [chosen, toggle, chooseNone];
}

function toggled(ids: ReadonlySet<number>, id: number): ReadonlySet<number> {
  const others = ids.symmetricDifference(new Set([id]));
  return others.size > MAX_CHOSEN ? ids : others;
}

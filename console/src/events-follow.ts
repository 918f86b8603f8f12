import { useDocumentVisibility } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { ProblemError, type Event } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { endSession } from './session.js';

/** How long a call waits for the next event, in seconds; the service allows no more. */
const WAIT_S = 8;
/** The least time between two calls, so that a busy service is not asked all the time. */
const PAUSE_MS = 1_000;
/** More than this nobody reads, and the page would grow without end. */
const FOLLOWED_MAX = 500;

interface Followed {
  /** What happened since, in order. */
  readonly events: readonly Event[];
  readonly error: unknown;
  /** Whether so much has happened that it follows no longer. */
  readonly isFull: boolean;
  readonly retry: () => void;
}

/**
 * What happens after a place, as it happens. It rests while nobody sees the page, so that it does not keep a session open.
 *
 * @param start where it begins; another one needs another component
 * @param types separated by commas; undefined: all
 */
export function useFollowed(start: string, types: string | undefined, isOn: boolean): Followed {
  const queries = useQueryClient();
  const isSeen = useDocumentVisibility() === 'visible';
  const place = useRef(start);
  const [events, setEvents] = useState<readonly Event[]>([]);
  const [error, setError] = useState<unknown>(null);
  const isFull = events.length >= FOLLOWED_MAX;
  const isRunning = isOn && isSeen && !isFull && error === null;
  useEffect(() => {
    if (!isRunning) {
      return undefined;
    }
    const ending = new AbortController();
    const { signal } = ending;
    const follow = async (): Promise<void> => {
      for (;;) {
        const query = { after: place.current, types, wait: WAIT_S, limit: 200 };
        const { data } = await api.listEvents({ query, signal });
        signal.throwIfAborted();
        place.current = data.next;
        setEvents((seen) => [...seen, ...data.events]);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        signal.throwIfAborted();
      }
    };
    follow().catch((reason: unknown) => {
      if (signal.aborted) {
        return;
      }
      if (reason instanceof ProblemError && reason.status === 401) {
        endSession(queries);
      }
      setError(reason);
    });
    return () => ending.abort();
  }, [isRunning, types, queries]);
  return { events, error, isFull, retry: () => setError(null) };
}

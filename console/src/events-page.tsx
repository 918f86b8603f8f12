import { Button, Group, Stack, Switch, Text, TextInput } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import type { Event } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { useFollowed } from './events-follow.js';
import { EventList } from './events-list.js';
import { EventsTitle } from './events-parts.js';
import { EVENT_TYPES, TypeChoice, type EventType } from './events-types.js';
import { Loaded, Nothing, More } from './parts.js';
import { ProblemView } from './problem.js';
import { eventsRoute } from './router.js';

const PAGE_SIZE = 50;

/** What happened, the newest first; or what happened after a place, in order. */
export function EventsPage() {
  const { types, after } = eventsRoute.useSearch();
  return (
    <Stack>
      <EventsTitle>Events</EventsTitle>
      <Filters key={`filters ${after}`} />
      {after === undefined ? (
        <Newest key={`newest ${types}`} types={types} />
      ) : (
        <InOrder key={`${after} ${types}`} after={after} types={types} />
      )}
    </Stack>
  );
}

/** Which events are shown. All of it is in the address. */
function Filters() {
  const { types, after, live } = eventsRoute.useSearch();
  const navigate = eventsRoute.useNavigate();
  const [place, setPlace] = useState(after ?? '');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void navigate({ search: (old) => ({ ...old, after: place.trim() || undefined }) });
  };
  return (
    <Stack gap="sm">
      <TypeChoice
        label="Only"
        value={EVENT_TYPES.filter((type) => types?.split(',').includes(type))}
        onChange={(chosen: EventType[]) =>
          void navigate({ search: (old) => ({ ...old, types: chosen.join(',') || undefined }) })
        }
      />
      <Group align="flex-end" justify="space-between">
        <Group component="form" align="flex-end" gap="xs" onSubmit={submit}>
          <TextInput
            label="After an event"
            description="The id of an event, or the cursor of an export. Empty: the newest first."
            placeholder="5f0c2e9a41d7-128"
            value={place}
            onChange={(event) => setPlace(event.currentTarget.value)}
          />
          <Button type="submit" variant="default">
            Show
          </Button>
        </Group>
        <Switch
          label="Follow live"
          checked={live === true}
          onChange={(event) => {
            const isOn = event.currentTarget.checked;
            void navigate({ search: (old) => ({ ...old, live: isOn || undefined }), replace: true });
          }}
        />
      </Group>
    </Stack>
  );
}

interface NewestProps {
  readonly types: string | undefined;
}

function Newest({ types }: NewestProps) {
  const query = useInfiniteQuery({
    queryKey: ['events', 'newest', types],
    queryFn: async ({ pageParam }) =>
      (await api.listEvents({ query: { order: 'newest', after: pageParam, types, limit: PAGE_SIZE } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next, hasMore }) => (hasMore ? next : undefined),
    // what is read would move away
    refetchOnWindowFocus: false,
  });
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const older = pages.flatMap(({ events }) => events);
        const start = older[0]?.id ?? pages[0]!.next;
        return (
          <>
            <Followed key={start} start={start} types={types} isNewestFirst />
            {older.length > 0 && <EventList events={older} />}
            {older.length === 0 && !query.hasNextPage && (
              <Nothing>
                {types === undefined ? 'Nothing has happened yet.' : 'Nothing like it has happened.'}
              </Nothing>
            )}
            {query.hasNextPage ? (
              <More query={query} label="Show older" />
            ) : (
              older.length > 0 && <Nothing>That is all that is kept.</Nothing>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

interface InOrderProps {
  readonly after: string;
  readonly types: string | undefined;
}

function InOrder({ after, types }: InOrderProps) {
  const query = useInfiniteQuery({
    queryKey: ['events', 'after', after, types],
    queryFn: async ({ pageParam }) =>
      (await api.listEvents({ query: { after: pageParam, types, limit: PAGE_SIZE } })).data,
    initialPageParam: after,
    getNextPageParam: ({ next, hasMore }) => (hasMore ? next : undefined),
    refetchOnWindowFocus: false,
  });
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const events = pages.flatMap((page) => page.events);
        const { next } = pages.at(-1)!;
        return (
          <>
            {events.length > 0 && <EventList events={events} />}
            {query.hasNextPage ? (
              <More query={query} label="Show more" />
            ) : (
              <>
                {events.length === 0 && <Nothing>Nothing has happened after it.</Nothing>}
                <Followed key={next} start={next} types={types} isNewestFirst={false} />
              </>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

interface FollowedProps {
  readonly start: string;
  readonly types: string | undefined;
  readonly isNewestFirst: boolean;
}

/** What has happened since the page was opened. */
function Followed({ start, types, isNewestFirst }: FollowedProps) {
  const { live = false } = eventsRoute.useSearch();
  const { events, error, isFull, retry } = useFollowed(start, types, live);
  const shown: readonly Event[] = isNewestFirst ? events.toReversed() : events;
  return (
    <>
      {live && error === null && (
        <Text size="sm" c="dimmed" role="status">
          {isFull
            ? `${events.length} events came, and it follows no longer. Load the page again to go on.`
            : `Following: ${events.length} new ${events.length === 1 ? 'event' : 'events'}.`}
        </Text>
      )}
      {error !== null && <ProblemView error={error} onRetry={retry} />}
      {shown.length > 0 && <EventList events={shown} />}
    </>
  );
}

import { Badge, Button, Group, SegmentedControl, Stack, Table, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Delivery, Webhook } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { typeName } from './events-words.js';
import { Loaded, Moment, Nothing, More } from './parts.js';
import { DELIVERY_STATES, webhookRoute, type DeliveryState } from './router.js';
import { failureText, Refusal } from './webhook-parts.js';
import { Replay } from './webhook-replay.js';

const STATES: Readonly<Record<DeliveryState, { readonly name: string; readonly color: string }>> = {
  pending: { name: 'Waiting', color: 'blue' },
  delivered: { name: 'Delivered', color: 'green' },
  dead: { name: 'Dead letters', color: 'red' },
};
/** How often it looks again while an attempt is due soon. Not longer: it would keep a session open. */
const LOOK_MS = 5_000;
const SOON_MS = 60_000;
const ATTEMPTS_MAX = 10;

/** What was sent to a webhook, or waits for that, or was given up; those of the newest events first. */
export function Deliveries({ webhook }: { readonly webhook: Webhook }) {
  const { id } = webhook;
  const { state } = webhookRoute.useSearch();
  const navigate = webhookRoute.useNavigate();
  const [isReplaying, setIsReplaying] = useState(false);
  const query = useInfiniteQuery({
    queryKey: ['deliveries', id, state],
    queryFn: async ({ pageParam }) => {
      const page = { order: 'newest', state, after: pageParam, limit: 50 } as const;
      return (await api.listDeliveries({ path: { id }, query: page })).data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    refetchInterval: ({ state: { data } }) =>
      data?.pages.length === 1 && data.pages[0]!.deliveries.some(isDueSoon) ? LOOK_MS : false,
  });
  useStateAfter(id, query.dataUpdatedAt);
  return (
    <Stack component="section" aria-label="Deliveries">
      <Group justify="space-between">
        <Title order={2} size="h4">
          Deliveries
        </Title>
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label="Which deliveries"
            data={[
              { value: 'all', label: 'All' },
              ...DELIVERY_STATES.map((value) => ({ value, label: STATES[value].name })),
            ]}
            value={state ?? 'all'}
            onChange={(value) =>
              void navigate({ search: { state: DELIVERY_STATES.find((each) => each === value) } })
            }
          />
          <Button
            size="xs"
            variant="default"
            loading={query.isRefetching}
            onClick={() => void query.refetch()}
          >
            Look again
          </Button>
          <Button
            size="xs"
            variant="default"
            aria-expanded={isReplaying}
            onClick={() => setIsReplaying(!isReplaying)}
          >
            Deliver again…
          </Button>
        </Group>
      </Group>
      {isReplaying && <Replay webhook={webhook} />}
      <Loaded query={query}>
        {({ pages }) => {
          const deliveries = pages.flatMap((page) => page.deliveries);
          return deliveries.length === 0 ? (
            <Nothing>
              {state === undefined ? 'Nothing was sent to it yet.' : 'There are none in this state.'}
            </Nothing>
          ) : (
            <>
              <DeliveryTable webhookId={id} deliveries={deliveries} />
              <More query={query} label="Show older" />
            </>
          );
        }}
      </Loaded>
    </Stack>
  );
}

/** Reads the state of the webhook again after its deliveries: attempts change it. */
function useStateAfter(id: number, readAt: number): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (readAt > 0) {
      void queries.invalidateQueries({ queryKey: ['webhook', String(id)] });
    }
  }, [queries, id, readAt]);
}

function isDueSoon({ nextAttemptAt }: Delivery): boolean {
  return nextAttemptAt !== null && Date.parse(nextAttemptAt) < Date.now() + SOON_MS;
}

interface TableProps {
  readonly webhookId: number;
  readonly deliveries: readonly Delivery[];
}

function DeliveryTable({ webhookId, deliveries }: TableProps) {
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Event</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Attempts</Table.Th>
            <Table.Th>Last answer</Table.Th>
            <Table.Th>Next attempt</Table.Th>
            <Table.Th>Again</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {deliveries.map((delivery) => (
            <DeliveryRow key={delivery.eventId} webhookId={webhookId} delivery={delivery} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

interface RowProps {
  readonly webhookId: number;
  readonly delivery: Delivery;
}

function DeliveryRow({ webhookId, delivery }: RowProps) {
  const { eventId, type, state, attempts, nextAttemptAt, lastAttemptAt, lastStatus, lastFailure } = delivery;
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm">{typeName(type)}</Text>
        <Text size="xs" c="dimmed" ff="monospace" style={{ whiteSpace: 'nowrap' }}>
          {eventId}
        </Text>
      </Table.Td>
      <Table.Td>
        <Badge
          variant="light"
          tt="none"
          miw="max-content"
          color={STATES[state].color}
          c="var(--mantine-color-text)"
        >
          {state === 'dead' ? 'Dead letter' : STATES[state].name}
        </Badge>
      </Table.Td>
      <Table.Td>
        {attempts} of {ATTEMPTS_MAX}
      </Table.Td>
      <Table.Td>
        {lastStatus ?? (lastFailure === null ? '–' : failureText(lastFailure))}
        {lastAttemptAt !== null && (
          <Text size="xs" c="dimmed">
            <Moment at={lastAttemptAt} isPrecise />
          </Text>
        )}
      </Table.Td>
      <Table.Td>{nextAttemptAt === null ? '–' : <Moment at={nextAttemptAt} isPrecise />}</Table.Td>
      <Table.Td>{type !== null && <SendAgain webhookId={webhookId} eventId={eventId} />}</Table.Td>
    </Table.Tr>
  );
}

interface SendAgainProps {
  readonly webhookId: number;
  readonly eventId: string;
}

/** Delivers one event again. A range excludes its ends, so those are the events around it. */
function SendAgain({ webhookId, eventId }: SendAgainProps) {
  const queries = useQueryClient();
  const send = useMutation({
    mutationFn: async () => {
      const [before, after] = await Promise.all([
        api.listEvents({ query: { order: 'newest', after: eventId, limit: 1 } }),
        api.listEvents({ query: { after: eventId, limit: 1 } }),
      ]);
      const body = { after: before.data.events[0]?.id, before: after.data.events[0]?.id };
      await api.replayDeliveries({ path: { id: webhookId }, body });
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['deliveries', webhookId] }),
  });
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        loading={send.isPending}
        onClick={() => send.mutate()}
        aria-label={`Deliver again ${eventId}`}
      >
        Deliver again
      </Button>
      {send.isError && <Refusal error={send.error} />}
    </>
  );
}

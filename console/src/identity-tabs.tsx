import { Badge, Group, Stack, Table, Text, Timeline } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Rule } from '../../clients/typescript/src/index.js';
import { api, valueText } from './api.js';
import { eventText } from './event-text.js';
import { Loaded, Moment, More, Nothing } from './parts.js';
import { useMay } from './session.js';
import { EndWithReason } from './with-reason.js';

interface Props {
  readonly contactId: number;
}

/** All that happened to the contacts of an identity. */
export function HistoryTab({ contactId }: Props) {
  const query = useInfiniteQuery({
    queryKey: ['history', contactId],
    queryFn: async ({ pageParam }) =>
      (await api.getHistory({ path: { id: contactId }, query: { after: pageParam, limit: 100 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Loaded query={query}>
      {({ pages }) => (
        <Stack>
          <Timeline bulletSize={14} lineWidth={2}>
            {pages
              .flatMap(({ events }) => events)
              .map((event, i) => (
                <Timeline.Item
                  key={i}
                  title={eventText(event)}
                  lineVariant={event.actor === undefined ? 'solid' : 'dashed'}
                >
                  <Text size="sm" c="dimmed">
                    <Moment at={event.at} />
                    {event.actor !== undefined && ` by ${event.actor}`}
                    {event.changeId !== undefined && `, change ${event.changeId}`}
                  </Text>
                  {event.reason !== undefined && <Text size="sm">“{event.reason}”</Text>}
                </Timeline.Item>
              ))}
          </Timeline>
          <More query={query} label="Show more" />
        </Stack>
      )}
    </Loaded>
  );
}

/** The merges of an identity, each with a way to undo it. */
export function MergesTab({ contactId }: Props) {
  const mayCurate = useMay('curate');
  const query = useInfiniteQuery({
    queryKey: ['merges', contactId],
    queryFn: async ({ pageParam }) =>
      (await api.listMerges({ query: { contactId, after: pageParam, limit: 200 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const merges = pages.flatMap((page) => page.merges);
        return merges.length === 0 ? (
          <Nothing>No merge has made this person. Its contacts attached one by one.</Nothing>
        ) : (
          <Stack>
            <Table.ScrollContainer minWidth={560}>
              <Table verticalSpacing="xs">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Merge</Table.Th>
                    <Table.Th>What</Table.Th>
                    <Table.Th>When</Table.Th>
                    <Table.Th>State</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {merges.map(({ id, at, survivorId, mergedId, cause, identifiers, undone }) => (
                    <Table.Tr key={id}>
                      <Table.Td>{id}</Table.Td>
                      <Table.Td>
                        {mergedId} into {survivorId}
                        <Text size="sm" c="dimmed">
                          {identifiers.length === 0 ? cause : identifiers.map(valueText).join(' and ')}
                        </Text>
                      </Table.Td>
                      <Table.Td>
                        <Moment at={at} />
                      </Table.Td>
                      <Table.Td>
                        {undone !== null ? (
                          <Badge color="gray" variant="outline" tt="none" c="var(--mantine-color-text)">
                            undone
                          </Badge>
                        ) : (
                          mayCurate && (
                            <Link
                              to="/merges/$id/undo"
                              params={{ id: String(id) }}
                              search={{ contact: String(contactId) }}
                            >
                              Undo…
                            </Link>
                          )
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <More query={query} label="Show more" />
          </Stack>
        );
      }}
    </Loaded>
  );
}

/** The rules about the identifiers of an identity. */
export function RulesTab({ contactId }: Props) {
  const query = useInfiniteQuery({
    queryKey: ['rules', contactId],
    queryFn: async ({ pageParam }) =>
      (await api.listRules({ query: { contactId, after: pageParam, limit: 200 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const rules = pages.flatMap((page) => page.rules);
        return rules.length === 0 ? (
          <Nothing>
            No rule keeps this person apart from others. Undo and split lay them, and so does a review.
          </Nothing>
        ) : (
          <Stack>
            {rules.map((rule) => (
              <RuleRow key={rule.id} rule={rule} />
            ))}
            <More query={query} label="Show more" />
          </Stack>
        );
      }}
    </Loaded>
  );
}

function RuleRow({ rule }: { readonly rule: Rule }) {
  const mayCurate = useMay('curate');
  const [one, other] = rule.identifiers.map(valueText);
  return (
    <Group justify="space-between">
      <div>
        <Text>
          {one} is somebody else than {other}
        </Text>
        <Text size="sm" c="dimmed">
          {rule.createdAt !== null && <Moment at={rule.createdAt} />} by {rule.actor}
          {rule.reason !== null && `: “${rule.reason}”`}
        </Text>
      </div>
      {mayCurate && (
        <EndWithReason
          opener="Delete…"
          verb={`Delete rule ${rule.id}`}
          about={`${one} is somebody else than ${other}`}
          end={(reason) => api.deleteRule({ path: { id: rule.id! }, body: { reason } })}
        />
      )}
    </Group>
  );
}

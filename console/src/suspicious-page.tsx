import { Button, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Evidence } from '../../clients/typescript/src/index.js';
import { api, kindName, type Value } from './api.js';
import { BlockingEffect, previewBlocking } from './blocking-effect.js';
import { valuesOfContact } from './evidence-tree.js';
import { Loaded, More, Nothing } from './parts.js';
import { ProblemView } from './problem.js';
import { useMay } from './session.js';

/** Larger than this is looked at on request only. */
const MAX_CONTACTS_TO_READ = 2_000;

/** The largest identities: where placeholders and shared phones hide. */
export function SuspiciousPage() {
  const query = useInfiniteQuery({
    queryKey: ['largest'],
    queryFn: async ({ pageParam }) =>
      (await api.listIdentities({ query: { order: 'size', after: pageParam, limit: 20 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Stack>
      <Title order={1} size="h2">
        Suspicious people
      </Title>
      <Text c="dimmed">
        The largest first, as they were counted some minutes ago. A value that many contacts share, such as
        the phone of a shop, links strangers.
      </Text>
      <Loaded query={query}>
        {({ pages }) => {
          const people = pages
            .flatMap(({ identities }) => identities)
            .filter(({ contacts = 1 }) => contacts > 1);
          return people.length === 0 ? (
            <Nothing>Nobody has more than one contact.</Nothing>
          ) : (
            <>
              <Table.ScrollContainer minWidth={480}>
                <Table verticalSpacing="xs">
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Person</Table.Th>
                      <Table.Th>Contacts</Table.Th>
                      <Table.Th>What most of them share</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {people.map(({ contact: { primaryContactId: id }, contacts = 1 }) => (
                      <Table.Tr key={id} style={{ verticalAlign: 'top' }}>
                        <Table.Td>
                          <Link to="/identities/$id" params={{ id: String(id) }} aria-label={`Person ${id}`}>
                            {id}
                          </Link>
                        </Table.Td>
                        <Table.Td>{contacts}</Table.Td>
                        <Table.Td>
                          <Glue id={id} contacts={contacts} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
              <More query={query} label="Show more" />
            </>
          );
        }}
      </Loaded>
    </Stack>
  );
}

interface GlueProps {
  readonly id: number;
  readonly contacts: number;
}

function Glue({ id, contacts }: GlueProps) {
  const mayCurate = useMay('curate');
  const query = useQuery({
    queryKey: ['glue', id],
    queryFn: async () => glueOf((await api.getEvidence({ path: { id } })).data as Evidence),
    enabled: contacts <= MAX_CONTACTS_TO_READ,
    staleTime: 60_000,
  });
  if (!query.isEnabled && query.data === undefined) {
    return (
      <Button
        size="compact-xs"
        variant="default"
        loading={query.isFetching}
        onClick={() => void query.refetch()}
      >
        Look
      </Button>
    );
  }
  if (query.isError) {
    return <ProblemView error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data === undefined) {
    return <Text size="sm">…</Text>;
  }
  const { value, carriers } = query.data;
  if (carriers < 2) {
    return <Text size="sm">Nothing: merges joined them.</Text>;
  }
  return (
    <Stack gap={4}>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {kindName(value.kind)}{' '}
        <Text span ff="monospace">
          {value.value}
        </Text>{' '}
        on {carriers}
      </Text>
      {mayCurate && <Effect value={value} />}
    </Stack>
  );
}

/** What blocking a value would do, as the service tells it when it is asked. */
function Effect({ value: { kind, value } }: { readonly value: Value }) {
  const blocking = { kind, pattern: value, existing: 'split' as const };
  const plan = useQuery({
    queryKey: ['plan', 'block', kind, value],
    queryFn: () => previewBlocking(blocking),
    enabled: false,
    gcTime: 0,
  });
  return (
    <>
      <Group gap="xs">
        <Button
          size="compact-xs"
          variant="default"
          loading={plan.isFetching}
          aria-label={`What would blocking do? ${value}`}
          onClick={() => void plan.refetch()}
        >
          What would blocking do?
        </Button>
        <Link to="/policy" search={blocking} aria-label={`Block ${value}`}>
          <Text span size="sm">
            Block…
          </Text>
        </Link>
      </Group>
      {plan.isSuccess && <BlockingEffect existing="split" plan={plan.data} />}
      {plan.isError && <ProblemView error={plan.error} />}
    </>
  );
}

/** The value that most live contacts carry. */
function glueOf({ contacts }: Evidence): { readonly value: Value; readonly carriers: number } {
  const carriers = new Map<string, { value: Value; carriers: number }>();
  for (const value of contacts.filter(({ deletedAt }) => deletedAt === null).flatMap(valuesOfContact)) {
    const key = `${value.kind} ${value.value}`;
    const known = carriers.get(key) ?? { value, carriers: 0 };
    known.carriers++;
    carriers.set(key, known);
  }
  return [...carriers.values()].reduce((most, each) => (each.carriers > most.carriers ? each : most));
}

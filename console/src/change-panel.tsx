import { Alert, Badge, Button, Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import type { Change, PlannedIdentity } from '../../clients/typescript/src/index.js';
import { valuesOf, valueText } from './api.js';
import { Loaded } from './parts.js';
import { isProblem, ProblemView } from './problem.js';
import { ReasonField } from './reason-field.js';

/** The three things that differ between a dry run and the call itself. */
export interface Attempt {
  readonly reason: string;
  readonly query: { readonly dryRun?: boolean };
  readonly headers: { readonly 'If-Match'?: string };
}

interface Props {
  /** What it is about, for the cache. */
  readonly name: readonly unknown[];
  readonly make: (attempt: Attempt) => Promise<{ readonly data: Change; readonly response: Response }>;
  /** Who it is about, as they are now. */
  readonly before: readonly PlannedIdentity[];
  readonly verb: string;
  readonly suggestedReason?: string;
  /** What to do about the change afterwards. */
  readonly afterwards?: (change: Change) => ReactNode;
}

/** What is decided on stays as it was read. If it has changed, the service refuses the decision, and the reader sees it anew. */
export const AS_READ = { refetchOnWindowFocus: false, refetchOnReconnect: false } as const;

/**
 * A change by hand: what it would do as the service tells it, then the change itself, which does exactly that or is refused
 * because something has moved.
 */
export function ChangePanel({ name, make, before, verb, suggestedReason = '', afterwards }: Props) {
  const queries = useQueryClient();
  const [reason, setReason] = useState(suggestedReason);
  const plan = useQuery({
    queryKey: ['plan', ...name],
    queryFn: async () => {
      // A dry run records no reason.
      const { data, response } = await make({ reason: 'dry run', query: { dryRun: true }, headers: {} });
      return { change: data, etag: response.headers.get('etag') ?? '' };
    },
    staleTime: 0,
    gcTime: 0,
    ...AS_READ,
  });
  const change = useMutation({
    mutationFn: async (etag: string) =>
      (await make({ reason: reason.trim(), query: {}, headers: { 'If-Match': etag } })).data,
    // other pages read anew; this one goes on to say what was before
    onSuccess: () => queries.invalidateQueries({ refetchType: 'none' }),
  });
  if (change.isSuccess) {
    return <Done change={change.data}>{afterwards?.(change.data)}</Done>;
  }
  return (
    <Loaded query={plan}>
      {({ change: planned, etag }) => (
        <Stack>
          <BeforeAndAfter before={before} planned={planned} />
          {!planned.changed && <Alert color="yellow">There is nothing to change: it is so already.</Alert>}
          <Group align="flex-end">
            <ReasonField
              description="It is recorded with the change."
              required
              miw={320}
              value={reason}
              onChange={setReason}
            />
            <Button
              disabled={reason.trim() === '' || !planned.changed}
              loading={change.isPending}
              onClick={() => change.mutate(etag)}
            >
              {verb}
            </Button>
          </Group>
          {change.isError && isProblem(change.error, 'precondition-failed') ? (
            <Alert color="yellow" title="Somebody has changed it meanwhile" role="alert">
              <Stack align="flex-start">
                <Text size="sm">Nothing was done. Look at what the change would do now.</Text>
                <Button
                  size="xs"
                  onClick={() => {
                    change.reset();
                    void queries.invalidateQueries();
                  }}
                >
                  Show it again
                </Button>
              </Stack>
            </Alert>
          ) : (
            change.isError && <ProblemView error={change.error} />
          )}
        </Stack>
      )}
    </Loaded>
  );
}

interface BeforeAndAfterProps {
  readonly before: readonly PlannedIdentity[];
  readonly planned: Change;
}

function BeforeAndAfter({ before, planned }: BeforeAndAfterProps) {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      <Side title="Now" people={before} />
      <Side title="Afterwards" people={planned.identities.map(({ contact }) => contact)}>
        {planned.rules.length > 0 && (
          <Stack gap={4}>
            <Text fw={600} size="sm">
              Will no longer meet
            </Text>
            {planned.rules.map(({ identifiers: [one, other] }) => (
              <Text key={one.value + other.value} size="sm">
                {valueText(one)} and {valueText(other)}
              </Text>
            ))}
          </Stack>
        )}
      </Side>
    </SimpleGrid>
  );
}

interface SideProps {
  readonly title: string;
  readonly people: readonly PlannedIdentity[];
  /** How many there are, if not all of them are given. */
  readonly count?: number;
  readonly children?: ReactNode;
}

const SHOWN_PEOPLE = 10;

/** The people on one side of a comparison. */
export function Side({ title, people, count = people.length, children }: SideProps) {
  const shown = people.slice(0, SHOWN_PEOPLE);
  return (
    <Stack component="section" aria-label={title} gap="xs">
      <Title order={2} size="h4">
        {title}: {count} {count === 1 ? 'person' : 'people'}
      </Title>
      {shown.map((person, i) => (
        <PersonCard key={i} person={person} />
      ))}
      {count > shown.length && (
        <Text size="sm" c="dimmed">
          {shown.length === 0 ? 'Too many to show' : `and ${count - shown.length} more`}
        </Text>
      )}
      {children}
    </Stack>
  );
}

const SHOWN_VALUES = 12;

export function PersonCard({ person }: { readonly person: PlannedIdentity }) {
  const { primaryContactId: id, secondaryContactIds } = person;
  const values = valuesOf(person);
  return (
    <Paper withBorder p="sm">
      <Group justify="space-between" mb={6}>
        <Text fw={600}>{id === null ? 'A new person' : `Person ${id}`}</Text>
        <Badge variant="light" color="gray" c="var(--mantine-color-text)" tt="none">
          {secondaryContactIds.length + 1} {secondaryContactIds.length === 0 ? 'contact' : 'contacts'}
        </Badge>
      </Group>
      {values.slice(0, SHOWN_VALUES).map(({ kind, value }) => (
        <Text key={kind + value} size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
          {value}
        </Text>
      ))}
      {values.length > SHOWN_VALUES && (
        <Text size="sm" c="dimmed">
          and {values.length - SHOWN_VALUES} more
        </Text>
      )}
    </Paper>
  );
}

interface DoneProps {
  readonly change: Change;
  readonly children?: ReactNode;
}

function Done({ change, children }: DoneProps) {
  return (
    <Alert
      color="green"
      title={change.changed ? `Done: change ${change.changeId}` : 'It was so already'}
      role="status"
    >
      <Stack gap="xs">
        {change.identities.map(({ contact: { primaryContactId: id } }) => (
          <Link key={id} to="/identities/$id" params={{ id: String(id) }}>
            Person {id}
          </Link>
        ))}
        {children}
      </Stack>
    </Alert>
  );
}

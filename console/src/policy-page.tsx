import {
  Alert,
  Badge,
  Button,
  Group,
  NativeSelect,
  NumberInput,
  Paper,
  Radio,
  SimpleGrid,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { BlockedValue, Policy } from '../../clients/typescript/src/index.js';
import { api, kindName } from './api.js';
import { Loaded, Moment, Nothing } from './parts.js';
import { isProblem, ProblemView } from './problem.js';
import { policyRoute } from './router.js';
import { useMay } from './session.js';

/** What may link: limits, kinds of identifiers, and values that link nobody. */
export function PolicyPage() {
  const query = useQuery({
    queryKey: ['policy'],
    queryFn: async () => {
      const { data, response } = await api.getPolicy();
      return { policy: data, etag: response.headers.get('etag') ?? '' };
    },
  });
  return (
    <Stack>
      <Title order={1} size="h2">
        Policy
      </Title>
      <Loaded query={query}>
        {({ policy, etag }) => (
          <>
            <Limits key={etag} policy={policy} etag={etag} />
            <KindsTable policy={policy} />
            <BlockedValues policy={policy} />
          </>
        )}
      </Loaded>
    </Stack>
  );
}

interface LimitsProps {
  readonly policy: Policy;
  readonly etag: string;
}

function Limits({ policy, etag }: LimitsProps) {
  const mayChange = useMay('admin');
  const queries = useQueryClient();
  const [limit, setLimit] = useState<number | string>(policy.maxContacts ?? '');
  const [reason, setReason] = useState('');
  const maxContacts = limit === '' ? null : Number(limit);
  const isChanged = maxContacts !== policy.maxContacts;
  const send = (dryRun: boolean) =>
    api.replacePolicy({
      body: { maxContacts, kinds: policy.kinds, reason: reason.trim() || undefined },
      headers: { 'If-Match': etag },
      query: { dryRun },
    });
  const preview = useQuery({
    queryKey: ['plan', 'policy', maxContacts, etag],
    queryFn: async () => (await send(true)).data,
    enabled: isChanged && mayChange,
  });
  const save = useMutation({ mutationFn: () => send(false), onSuccess: () => queries.invalidateQueries() });
  return (
    <Paper withBorder p="md" component="section" aria-label="Limit">
      <Group align="flex-end">
        <NumberInput
          label="The most contacts of a person"
          description="Empty: no limit. A lower limit takes nobody apart."
          readOnly={!mayChange}
          min={1}
          allowDecimal={false}
          value={limit}
          onChange={setLimit}
        />
        {isChanged && (
          <>
            <TextInput
              label="Reason"
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
            />
            <Button loading={save.isPending} disabled={!preview.isSuccess} onClick={() => save.mutate()}>
              Save
            </Button>
          </>
        )}
      </Group>
      {preview.isSuccess && isChanged && (
        <Text size="sm" mt="xs">
          {preview.data.exceeding.length === 0
            ? 'Nobody is above it.'
            : `${preview.data.exceedingCount ?? 'Many'} are above it already. They stay, and do not grow.`}
        </Text>
      )}
      {preview.isError && <ProblemView error={preview.error} />}
      {save.isError &&
        (isProblem(save.error, 'precondition-failed') ? (
          <Alert color="yellow" mt="xs" title="Somebody has changed the policy meanwhile" role="alert">
            <Button size="xs" onClick={() => void queries.invalidateQueries()}>
              Show it as it is now
            </Button>
          </Alert>
        ) : (
          <ProblemView error={save.error} />
        ))}
    </Paper>
  );
}

function KindsTable({ policy: { kinds } }: { readonly policy: Policy }) {
  return (
    <Stack component="section" gap="xs" aria-label="Kinds">
      <Title order={2} size="h4">
        Kinds of identifiers, the strongest first
      </Title>
      <Table.ScrollContainer minWidth={480}>
        <Table verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Kind</Table.Th>
              <Table.Th>Normal form</Table.Th>
              <Table.Th>Priority</Table.Th>
              <Table.Th>Most of a person</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {kinds
              .toSorted((a, b) => a.priority - b.priority)
              .map(({ name, normaliser, priority, onePerIdentity, maxPerIdentity, retired }) => (
                <Table.Tr key={name}>
                  <Table.Td>
                    {kindName(name)}{' '}
                    {retired && (
                      <Badge color="gray" variant="outline" c="var(--mantine-color-text)" tt="none">
                        retired
                      </Badge>
                    )}
                  </Table.Td>
                  <Table.Td>{normaliser}</Table.Td>
                  <Table.Td>{priority}</Table.Td>
                  <Table.Td>{onePerIdentity ? '1' : (maxPerIdentity ?? 'no limit')}</Table.Td>
                </Table.Tr>
              ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  );
}

function BlockedValues({ policy }: { readonly policy: Policy }) {
  const mayCurate = useMay('curate');
  const query = useQuery({
    queryKey: ['blocked-values'],
    queryFn: async () => (await api.listBlockedValues({ query: { limit: 200 } })).data,
  });
  return (
    <Stack component="section" gap="xs" aria-label="Blocked values">
      <Title order={2} size="h4">
        Blocked values
      </Title>
      <Text size="sm" c="dimmed">
        They link nobody: a call loses them before it is decided on.
      </Text>
      {mayCurate && <Block policy={policy} />}
      <Loaded query={query}>
        {({ blockedValues, next }) =>
          blockedValues.length === 0 ? (
            <Nothing>Nothing is blocked.</Nothing>
          ) : (
            <>
              {blockedValues.map((each) => (
                <BlockedRow key={each.id} blocked={each} />
              ))}
              {next !== null && (
                <Text size="sm">There are more than 200; the command line lists them all.</Text>
              )}
            </>
          )
        }
      </Loaded>
    </Stack>
  );
}

function BlockedRow({ blocked }: { readonly blocked: BlockedValue }) {
  const mayCurate = useMay('curate');
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () =>
      api.deleteBlockedValue({ path: { id: blocked.id! }, body: { reason: 'Unblocked in the console' } }),
    onSuccess: () => queries.invalidateQueries(),
  });
  return (
    <Group justify="space-between">
      <Text size="sm">
        {kindName(blocked.kind)}{' '}
        <Text span ff="monospace">
          {blocked.pattern}
        </Text>
        {blocked.createdAt !== null && (
          <Text span c="dimmed" size="sm">
            {' '}
            since <Moment at={blocked.createdAt} />
          </Text>
        )}
      </Text>
      {mayCurate && (
        <Button
          size="compact-xs"
          variant="default"
          loading={remove.isPending}
          onClick={() => remove.mutate()}
          aria-label={`Let it link again: ${blocked.pattern}`}
        >
          Let it link again
        </Button>
      )}
      {remove.isError && <ProblemView error={remove.error} />}
    </Group>
  );
}

/** Blocks a value, after the service has told how many people that concerns. */
function Block({ policy }: { readonly policy: Policy }) {
  const search = policyRoute.useSearch();
  const queries = useQueryClient();
  const [kind, setKind] = useState(search.kind ?? 'email');
  const [pattern, setPattern] = useState(search.pattern ?? '');
  const [existing, setExisting] = useState<'keep' | 'split'>('keep');
  const [reason, setReason] = useState('');
  const send = (dryRun: boolean, why: string) =>
    api.blockValue({ body: { kind, pattern: pattern.trim(), existing, reason: why }, query: { dryRun } });
  const preview = useMutation({ mutationFn: () => send(true, 'dry run') });
  const block = useMutation({
    mutationFn: () => send(false, reason.trim()),
    onSuccess: () => queries.invalidateQueries(),
  });
  const reset = (): void => {
    preview.reset();
    block.reset();
  };
  return (
    <Paper withBorder p="md" component="form" onSubmit={(event) => event.preventDefault()} onChange={reset}>
      <Stack gap="sm">
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <NativeSelect
            label="Kind"
            data={policy.kinds.map(({ name }) => ({ value: name, label: kindName(name) }))}
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value)}
          />
          <TextInput
            label="Value, or a pattern with *"
            placeholder="noreply@*"
            value={pattern}
            onChange={(event) => setPattern(event.currentTarget.value)}
          />
          <TextInput
            label="Reason"
            required
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
        </SimpleGrid>
        <Radio.Group
          label="People who have it"
          value={existing}
          onChange={(value) => setExisting(value === 'split' ? 'split' : 'keep')}
        >
          <Group>
            <Radio value="keep" label="keep it, and nobody joins by it any more" />
            <Radio value="split" label="lose it, and fall apart where nothing else joins them" />
          </Group>
        </Radio.Group>
        <Group>
          <Button
            variant="default"
            disabled={pattern.trim() === ''}
            loading={preview.isPending}
            onClick={() => preview.mutate()}
          >
            How many does it concern?
          </Button>
          <Button
            disabled={!preview.isSuccess || reason.trim() === ''}
            loading={block.isPending}
            onClick={() => block.mutate()}
          >
            Block it
          </Button>
          {preview.isSuccess && !block.isSuccess && (
            <Text size="sm" role="status">
              {preview.data.data.changed ? '' : 'It is blocked already. '}
              {preview.data.data.identitiesAffected} people have it.
            </Text>
          )}
          {block.isSuccess && (
            <Text size="sm" role="status">
              Blocked. It is in force everywhere within five seconds.
            </Text>
          )}
        </Group>
        {(block.isError || preview.isError) && <ProblemView error={block.error ?? preview.error} />}
      </Stack>
    </Paper>
  );
}

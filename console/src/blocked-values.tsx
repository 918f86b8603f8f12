import {
  Alert,
  Button,
  Group,
  NativeSelect,
  Paper,
  Radio,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { BlockedValue, Kind } from '../../clients/typescript/src/index.js';
import { api, kindName } from './api.js';
import { BlockingEffect, previewBlocking, type Blocking } from './blocking-effect.js';
import { Loaded, Moment, More, Nothing } from './parts.js';
import { isProblem, ProblemView } from './problem.js';
import { ReasonField } from './reason-field.js';
import { policyRoute } from './router.js';
import { useMay } from './session.js';
import { EndWithReason } from './with-reason.js';

interface Props {
  readonly kinds: readonly Kind[];
}

/** Values that link nobody: which there are, and more of them. */
export function BlockedValues({ kinds }: Props) {
  const mayCurate = useMay('curate');
  const query = useInfiniteQuery({
    queryKey: ['blocked-values'],
    queryFn: async ({ pageParam }) =>
      (await api.listBlockedValues({ query: { after: pageParam, limit: 20 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Stack component="section" gap="xs" aria-label="Blocked values">
      <Title order={2} size="h4">
        Blocked values
      </Title>
      <Text size="sm" c="dimmed">
        They link nobody: a call loses them before it is decided on.
      </Text>
      {mayCurate && <Block kinds={kinds} />}
      <Loaded query={query}>
        {({ pages }) => {
          const blocked = pages.flatMap(({ blockedValues }) => blockedValues);
          return blocked.length === 0 ? (
            <Nothing>Nothing is blocked.</Nothing>
          ) : (
            <>
              {blocked.map((each) => (
                <BlockedRow key={each.id} blocked={each} />
              ))}
              <More query={query} label="Show more" />
            </>
          );
        }}
      </Loaded>
    </Stack>
  );
}

function BlockedRow({ blocked }: { readonly blocked: BlockedValue }) {
  const mayCurate = useMay('curate');
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
        <EndWithReason
          opener="Let it link again…"
          verb="Let it link again"
          about={blocked.pattern}
          end={(reason) => api.deleteBlockedValue({ path: { id: blocked.id! }, body: { reason } })}
        />
      )}
    </Group>
  );
}

/** Blocks a value or the usual placeholders, after the service has told what that would do. */
function Block({ kinds }: Props) {
  const search = policyRoute.useSearch();
  const queries = useQueryClient();
  const [what, setWhat] = useState<'value' | 'placeholders'>('value');
  const [kind, setKind] = useState(search.kind ?? 'email');
  const [pattern, setPattern] = useState(search.pattern ?? '');
  const [existing, setExisting] = useState<Blocking['existing']>(search.existing ?? 'keep');
  const [reason, setReason] = useState('');
  const blocking: Blocking =
    what === 'value' ? { kind, pattern: pattern.trim(), existing } : { preset: 'placeholders', existing };
  const preview = useMutation({ mutationFn: () => previewBlocking(blocking) });
  const block = useMutation({
    mutationFn: (etag: string) =>
      api.blockValue({ body: { ...blocking, reason: reason.trim() }, headers: { 'If-Match': etag } }),
    onSuccess: () => queries.invalidateQueries(),
  });
  // what was told is about something else now
  const reset = (): void => {
    preview.reset();
    block.reset();
  };
  return (
    <Paper withBorder p="md" component="form" onSubmit={(event) => event.preventDefault()}>
      <Stack gap="sm">
        <SegmentedControl
          aria-label="What to block"
          maw={360}
          data={[
            { value: 'value', label: 'A value' },
            { value: 'placeholders', label: 'The usual placeholders' },
          ]}
          value={what}
          onChange={(value) => {
            setWhat(value === 'placeholders' ? value : 'value');
            reset();
          }}
        />
        {what === 'value' ? (
          <SimpleGrid cols={{ base: 1, sm: 2 }} onChange={reset}>
            <NativeSelect
              label="Kind"
              data={kinds.map(({ name }) => ({ value: name, label: kindName(name) }))}
              value={kind}
              onChange={(event) => setKind(event.currentTarget.value)}
            />
            <TextInput
              label="Value, or a pattern with *"
              placeholder="noreply@*"
              value={pattern}
              onChange={(event) => setPattern(event.currentTarget.value)}
            />
          </SimpleGrid>
        ) : (
          <Text size="sm">
            What people type where a field must not stay empty, and nobody owns: 0000000000, 123456,
            test@test.com, noreply@* and some hundred more.
          </Text>
        )}
        <Radio.Group
          label="People who have it"
          value={existing}
          onChange={(value) => {
            setExisting(value === 'split' ? 'split' : 'keep');
            reset();
          }}
        >
          <Stack gap="xs" mt="xs">
            <Radio value="keep" label="keep it, and nobody joins by it any more" />
            <Radio value="split" label="lose it, and fall apart where nothing else joins them" />
          </Stack>
        </Radio.Group>
        {!preview.isSuccess && (
          <Group>
            <Button
              variant="default"
              disabled={what === 'value' && pattern.trim() === ''}
              loading={preview.isPending}
              onClick={() => preview.mutate()}
            >
              What would it do?
            </Button>
          </Group>
        )}
        {preview.isSuccess && !block.isSuccess && (
          <>
            <BlockingEffect existing={existing} plan={preview.data} />
            <Group align="flex-end">
              <ReasonField required value={reason} onChange={setReason} />
              <Button
                disabled={reason.trim() === '' || !preview.data.change.changed}
                loading={block.isPending}
                onClick={() => block.mutate(preview.data.etag)}
              >
                Block it
              </Button>
            </Group>
          </>
        )}
        {block.isSuccess && (
          <Text size="sm" role="status">
            Blocked. It is in force everywhere within five seconds.
          </Text>
        )}
        {isProblem(block.error, 'precondition-failed') ? (
          <Alert color="yellow" title="Somebody has changed it meanwhile" role="alert">
            <Text size="sm" mb="xs">
              Nothing was done.
            </Text>
            <Button
              size="xs"
              onClick={() => {
                reset();
                preview.mutate();
              }}
            >
              Show what it would do now
            </Button>
          </Alert>
        ) : (
          (block.isError || preview.isError) && <ProblemView error={block.error ?? preview.error} />
        )}
      </Stack>
    </Paper>
  );
}

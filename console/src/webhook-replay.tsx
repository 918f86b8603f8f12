import { Button, Group, NativeSelect, Paper, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import type { Webhook } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { DELIVERY_STATES, webhookRoute } from './router.js';
import { Refusal } from './webhook-parts.js';

const CHOICES = {
  dead: { name: 'dead letters', what: 'the deliveries that were given up' },
  pending: { name: 'waiting', what: 'the deliveries that wait for their next attempt, at once' },
  delivered: { name: 'delivered', what: 'the deliveries that arrived' },
  all: {
    name: 'everything, also what it was never sent',
    what: 'all events that it wants, also those of the time when it was off or did not exist',
  },
} as const;
type Choice = keyof typeof CHOICES;

/** Delivers a range of events again, as far as their deliveries are in a state, after it has said what that means. */
export function Replay({ webhook: { id, enabled } }: { readonly webhook: Webhook }) {
  const { state = 'dead' } = webhookRoute.useSearch();
  const queries = useQueryClient();
  const [choice, setChoice] = useState<Choice>(state);
  const [after, setAfter] = useState('');
  const [before, setBefore] = useState('');
  const [count, setCount] = useState(0);
  const replay = useMutation({
    mutationFn: async () => {
      const range = {
        before: before.trim() || undefined,
        state: DELIVERY_STATES.find((each) => each === choice),
      };
      let [total, place] = [0, after.trim() || undefined];
      do {
        const { data } = await api.replayDeliveries({ path: { id }, body: { ...range, after: place } });
        total += data.deliveries;
        setCount(total);
        place = data.next ?? undefined;
      } while (place !== undefined);
    },
    onMutate: () => setCount(0),
    onSettled: () => queries.invalidateQueries({ queryKey: ['deliveries', id] }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    replay.mutate();
  };
  return (
    <Paper withBorder p="md" component="form" aria-label="Deliver again" onSubmit={submit}>
      <Stack gap="sm">
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <NativeSelect
            label="What"
            data={Object.entries(CHOICES).map(([value, { name }]) => ({ value, label: name }))}
            value={choice}
            onChange={(event) => setChoice(event.currentTarget.value as Choice)}
          />
          <TextInput
            label="After the event"
            placeholder="from the first that is kept"
            value={after}
            onChange={(event) => setAfter(event.currentTarget.value)}
          />
          <TextInput
            label="Before the event"
            placeholder="to the last"
            value={before}
            onChange={(event) => setBefore(event.currentTarget.value)}
          />
        </SimpleGrid>
        <Text size="sm">
          This sends {CHOICES[choice].what}
          {rangeText(after.trim(), before.trim())}. They keep their ids, so a receiver that remembers these
          does nothing twice. Each has ten attempts again.
          {!enabled && ' The webhook is off: nothing is sent until it is on.'}
        </Text>
        <Group>
          <Button type="submit" loading={replay.isPending}>
            Deliver again
          </Button>
          {(replay.isPending || replay.isSuccess) && (
            <Text size="sm" role="status">
              {replay.isPending ? `${count} so far` : doneText(count)}
            </Text>
          )}
        </Group>
        {replay.isError && <Refusal error={replay.error} />}
      </Stack>
    </Paper>
  );
}

function rangeText(after: string, before: string): string {
  if (after === '' && before === '') {
    return '';
  }
  const ends = [after && `after ${after}`, before && `before ${before}`];
  return `, of events ${ends.filter((end) => end !== '').join(' and ')}`;
}

function doneText(count: number): string {
  return count === 0
    ? 'There is nothing to deliver again.'
    : `${count} ${count === 1 ? 'delivery is' : 'deliveries are'} due now.`;
}

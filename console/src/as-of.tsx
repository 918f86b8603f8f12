import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from './api.js';
import { eventText } from './event-text.js';
import { Moment, momentText } from './parts.js';
import { identityRoute } from './router.js';

/** So many things may have happened that each is a step; of more, there is only the field. */
const MAX_STEPS = 200;

interface Props {
  readonly id: number;
  readonly at: string | undefined;
  readonly contacts: number;
}

/** The identity of another moment; the picture and the lists below stay those of today. */
export function AsOf({ id, at, contacts }: Props) {
  const navigate = identityRoute.useNavigate();
  const steps = useSteps(id, contacts);
  const set = (moment: string | undefined): void =>
    void navigate({ search: (old) => ({ ...old, at: moment }), replace: true, resetScroll: false });
  return (
    <Group align="flex-end" gap="sm" component="section" aria-label="Past">
      <TextInput
        type="datetime-local"
        size="xs"
        step={1}
        label="As it was at"
        value={at === undefined ? '' : localText(new Date(at))}
        onChange={({ currentTarget: { value } }) =>
          set(value === '' ? undefined : new Date(value).toISOString())
        }
      />
      {steps.length > 1 && <Slider steps={steps} at={at} onChange={set} />}
      <Stack gap={0} mih={{ base: 0, sm: 44 }} justify="flex-end">
        {at === undefined ? (
          <Text size="sm" c="dimmed">
            Today
          </Text>
        ) : (
          <>
            <Text size="sm" role="status">
              The identifiers as of <Moment at={at} />; the rest of the page is of today.
            </Text>
            <Group>
              <Button size="compact-xs" variant="default" onClick={() => set(undefined)}>
                Show today
              </Button>
            </Group>
          </>
        )}
      </Stack>
    </Group>
  );
}

interface Step {
  readonly at: string;
  readonly text: string;
}

/** What has happened to the identity since the contact is there, each a step; what happened at one time is one. */
function useSteps(id: number, contacts: number): readonly Step[] {
  const { data } = useQuery({
    queryKey: ['steps', id],
    queryFn: async () => (await api.getHistory({ path: { id }, query: { limit: MAX_STEPS } })).data,
    enabled: contacts <= MAX_STEPS,
  });
  if (data === undefined || data.next !== null) {
    return [];
  }
  const first = data.events.findIndex(
    ({ type, contactIds }) => (type === 'created' || type === 'linked') && contactIds[0] === id,
  );
  const events = data.events.slice(Math.max(0, first));
  return [...new Map(events.map((event) => [event.at, { at: event.at, text: eventText(event) }])).values()];
}

interface SliderProps {
  readonly steps: readonly Step[];
  readonly at: string | undefined;
  readonly onChange: (at: string | undefined) => void;
}

/** Goes through the history; after the last step it is today. */
function Slider({ steps, at, onChange }: SliderProps) {
  const last = steps.length - 1;
  const shown =
    at === undefined
      ? last
      : Math.max(
          0,
          steps.findLastIndex((step) => step.at <= at),
        );
  /** Where it was moved to, until the page is there */
  const [moved, setMoved] = useState<number | null>(null);
  useEffect(() => setMoved(null), [at]);
  const index = Math.min(moved ?? shown, last);
  const ask = useDebouncedCallback((to: number) => onChange(to === last ? undefined : steps[to]!.at), 200);
  const { at: moment, text } = steps[index]!;
  return (
    <label className="steps-of-history">
      <Text span size="xs" fw={500}>
        {index === last ? 'History' : text}
      </Text>
      <input
        type="range"
        min={0}
        max={last}
        value={index}
        aria-label="Step of the history"
        aria-valuetext={index === last ? 'Today' : `${text}, ${momentText(moment)}`}
        onChange={({ currentTarget }) => {
          setMoved(Number(currentTarget.value));
          ask(Number(currentTarget.value));
        }}
      />
    </label>
  );
}

/** As a field for local times wants it. */
function localText(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

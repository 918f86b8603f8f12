import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { api } from './api.js';
import { evidenceQuery } from './evidence-query.js';
import { stepsOfEvidence, stepsOfHistory, type Step } from './history-steps.js';
import { isoText, LAST_MOMENT, localText } from './local-time.js';
import { Moment, momentText } from './parts.js';
import { identityRoute } from './router.js';
import { useTyped } from './typed.js';

/** A moment is typed in parts, and each of them makes another one. */
const TYPING_MS = 1_000;
/** As many events the service tells at once. */
const MAX_EVENTS = 200;

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
  const [typed, type] = useTyped(
    at === undefined ? '' : localText(at),
    (text) => {
      set(text === '' ? undefined : isoText(text));
      return text === '' ? '' : localText(isoText(text));
    },
    TYPING_MS,
  );
  return (
    <Group align="flex-end" gap="sm" component="section" aria-label="Past">
      <TextInput
        type="datetime-local"
        size="xs"
        step={1}
        max={LAST_MOMENT}
        label="As it was at"
        value={typed}
        onChange={(event) => type(event.currentTarget.value)}
      />
      <Slider steps={steps} at={at} onChange={set} />
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

/** What has happened to the identity since the contact is there; none until it is known. */
function useSteps(id: number, contacts: number): readonly Step[] {
  const { data: history } = useQuery({
    queryKey: ['steps', id],
    queryFn: async () => (await api.getHistory({ path: { id }, query: { limit: MAX_EVENTS } })).data,
    enabled: contacts <= MAX_EVENTS,
  });
  const isLarge = contacts > MAX_EVENTS || (history !== undefined && history.next !== null);
  const { data: evidence } = useQuery({ ...evidenceQuery(id), enabled: isLarge });
  return useMemo(() => {
    if (history?.next === null) {
      return stepsOfHistory(history.events, id);
    }
    return evidence === undefined ? [] : stepsOfEvidence(evidence.evidence, id);
  }, [history, evidence, id]);
}

interface SliderProps {
  readonly steps: readonly Step[];
  readonly at: string | undefined;
  readonly onChange: (at: string | undefined) => void;
}

/**
 * Goes through the history; after the last step it is today. Where there is no way to go it is shown all the same, so that
 * nothing jumps.
 */
function Slider({ steps, at, onChange }: SliderProps) {
  const last = Math.max(0, steps.length - 1);
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
  const text = index === last ? 'History' : steps[index]!.text;
  return (
    <label className="steps-of-history">
      <Text span size="xs" fw={500}>
        {text}
      </Text>
      <input
        type="range"
        min={0}
        max={last}
        value={index}
        disabled={last === 0}
        aria-label="Step of the history"
        aria-valuetext={index === last ? 'Today' : `${text}, ${momentText(steps[index]!.at)}`}
        onChange={({ currentTarget }) => {
          setMoved(Number(currentTarget.value));
          ask(Number(currentTarget.value));
        }}
      />
    </label>
  );
}

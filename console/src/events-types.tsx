import { Checkbox, Group } from '@mantine/core';
import type { Event } from '../../clients/typescript/src/index.js';
import { TYPE_NAMES } from './events-words.js';

export type EventType = Event['type'];
export const EVENT_TYPES = Object.keys(TYPE_NAMES) as EventType[];

interface Props {
  readonly label: string;
  readonly value: readonly EventType[];
  readonly onChange: (types: EventType[]) => void;
}

/** Types of events to tick. */
export function TypeChoice({ label, value, onChange }: Props) {
  return (
    <Checkbox.Group
      label={label}
      value={[...value]}
      onChange={(types) => onChange(EVENT_TYPES.filter((type) => types.includes(type)))}
    >
      <Group gap="md" mt={4}>
        {EVENT_TYPES.map((type) => (
          <Checkbox key={type} value={type} size="xs" label={TYPE_NAMES[type]} />
        ))}
      </Group>
    </Checkbox.Group>
  );
}

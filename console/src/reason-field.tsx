import { TextInput } from '@mantine/core';
import type { ComponentProps } from 'react';

interface Props extends Omit<ComponentProps<typeof TextInput>, 'value' | 'onChange'> {
  readonly value: string;
  readonly onChange: (reason: string) => void;
}

/** Where people say why they change something, in at most as many characters as the API takes. */
export function ReasonField({ onChange, ...input }: Props) {
  return (
    <TextInput
      label="Reason"
      maxLength={500}
      {...input}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

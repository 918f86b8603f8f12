import {
  Button,
  Group,
  NativeSelect,
  NumberInput,
  Paper,
  SimpleGrid,
  Stack,
  Switch,
  TextInput,
  Title,
} from '@mantine/core';
import { useState } from 'react';
import type { Kind } from '../../clients/typescript/src/index.js';
import { kindName } from './api.js';

export const NEW_KIND: Kind = {
  name: '',
  normaliser: 'trim',
  priority: 100,
  onePerIdentity: false,
  maxPerIdentity: null,
  maxLength: 254,
  retired: false,
};

const NORMAL_FORMS: readonly { value: Kind['normaliser']; label: string }[] = [
  { value: 'trim', label: 'trim: without spaces around it' },
  { value: 'lowercase', label: 'lowercase: and in lower case' },
  { value: 'email', label: 'email: as emails' },
  { value: 'phone', label: 'phone: as phone numbers' },
];

interface Props {
  readonly kind: Kind;
  readonly isNew: boolean;
  readonly onApply: (kind: Kind) => void;
  readonly onCancel: () => void;
}

/** Declares a kind, changes its limits, or retires it. The name and the normal form stay for good, because stored values have them. */
export function KindEditor({ kind, isNew, onApply, onCancel }: Props) {
  const [draft, setDraft] = useState(kind);
  const set = (change: Partial<Kind>): void => setDraft((old) => ({ ...old, ...change }));
  return (
    <Paper
      withBorder
      p="md"
      component="form"
      aria-label={isNew ? 'A new kind' : `Kind ${kind.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        onApply(draft);
      }}
    >
      <Stack gap="sm">
        <Title order={3} size="h5">
          {isNew ? 'A new kind' : `Change ${kindName(kind.name)}`}
        </Title>
        <SimpleGrid cols={{ base: 1, sm: 3 }} verticalSpacing="sm">
          {isNew && (
            <>
              <TextInput
                label="Name"
                description="As calls spell it; it stays for good"
                placeholder="customerId"
                required
                autoFocus
                pattern="[a-z][A-Za-z0-9]{0,62}"
                value={draft.name}
                onChange={(event) => set({ name: event.currentTarget.value })}
              />
              <NativeSelect
                label="Normal form"
                description="How values are compared; it stays for good"
                data={[...NORMAL_FORMS]}
                value={draft.normaliser}
                onChange={(event) => set({ normaliser: event.currentTarget.value as Kind['normaliser'] })}
              />
            </>
          )}
          <NumberInput
            label="Priority"
            description="A lower number is stronger"
            required
            min={1}
            allowDecimal={false}
            allowNegative={false}
            value={draft.priority}
            onChange={(value) => set({ priority: Number(value) })}
          />
          <NumberInput
            label="Most of a person"
            description="Empty: no limit"
            min={1}
            allowDecimal={false}
            allowNegative={false}
            disabled={draft.onePerIdentity}
            value={draft.onePerIdentity ? 1 : (draft.maxPerIdentity ?? '')}
            onChange={(value) => set({ maxPerIdentity: value === '' ? null : Number(value) })}
          />
          <NumberInput
            label="Longest"
            description="In characters; it can only grow"
            required
            min={isNew ? 1 : kind.maxLength}
            max={254}
            allowDecimal={false}
            allowNegative={false}
            value={draft.maxLength}
            onChange={(value) => set({ maxLength: Number(value) })}
          />
        </SimpleGrid>
        <Switch
          label="Two values are never one person's"
          checked={draft.onePerIdentity}
          onChange={(event) => set({ onePerIdentity: event.currentTarget.checked, maxPerIdentity: null })}
        />
        {!isNew && (
          <Switch
            label="Retired: it takes no new values"
            checked={draft.retired}
            onChange={(event) => set({ retired: event.currentTarget.checked })}
          />
        )}
        <Group>
          <Button size="xs" type="submit">
            {isNew ? 'Add it to the changes' : 'Take it into the changes'}
          </Button>
          <Button size="xs" variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}

import { Button, Group, Paper, Radio, Stack, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import type { Webhook } from '../../clients/typescript/src/index.js';
import { EVENT_TYPES, TypeChoice, type EventType } from './events-types.js';

/** What can be chosen of a webhook. */
export interface Terms {
  readonly url: string;
  readonly description: string | null;
  readonly types: EventType[] | null;
}

interface Props {
  readonly webhook?: Webhook;
  readonly verb: string;
  readonly isSending: boolean;
  readonly onSend: (terms: Terms) => void;
  readonly onCancel?: () => void;
}

/** Where a webhook leads, what it is for, and what it hears of. */
export function WebhookForm({ webhook, verb, isSending, onSend, onCancel }: Props) {
  const [url, setUrl] = useState(webhook?.url ?? '');
  const [description, setDescription] = useState(webhook?.description ?? '');
  const [hasAll, setHasAll] = useState((webhook?.types ?? null) === null);
  const [types, setTypes] = useState(EVENT_TYPES.filter((type) => webhook?.types?.includes(type)));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onSend({ url: url.trim(), description: description.trim() || null, types: hasAll ? null : types });
  };
  return (
    <Paper withBorder p="md" component="form" aria-label="Webhook" onSubmit={submit}>
      <Stack>
        <TextInput
          label="URL"
          description="A public address, by https. The operator may allow networks of your own."
          placeholder="https://crm.example.com/hooks/identities"
          required
          maxLength={2_048}
          autoComplete="off"
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
        />
        <TextInput
          label="What it is for"
          maxLength={200}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <Radio.Group
          label="Events"
          value={hasAll ? 'all' : 'some'}
          onChange={(value) => setHasAll(value === 'all')}
        >
          <Group>
            <Radio value="all" label="all" />
            <Radio value="some" label="only some" />
          </Group>
        </Radio.Group>
        {!hasAll && <TypeChoice label="Which" value={types} onChange={setTypes} />}
        <Group>
          <Button type="submit" loading={isSending} disabled={!hasAll && types.length === 0}>
            {verb}
          </Button>
          {onCancel !== undefined && (
            <Button variant="default" onClick={onCancel}>
              Cancel
            </Button>
          )}
        </Group>
      </Stack>
    </Paper>
  );
}

import { Alert, Button, Group, Paper, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Webhook, WebhookTest } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { EventsTitle } from './events-parts.js';
import { typeName } from './events-words.js';
import { Loaded, Moment, ValueText } from './parts.js';
import { webhookRoute } from './router.js';
import { Deliveries } from './webhook-deliveries.js';
import { WebhookForm, type Terms } from './webhook-form.js';
import { failureText, OnceShown, Refusal, WebhookState } from './webhook-parts.js';

/** One webhook: what it is, whether it works, and what was sent to it. */
export function WebhookPage() {
  const { id } = webhookRoute.useParams();
  const query = useQuery({
    queryKey: ['webhook', id],
    queryFn: async () => (await api.getWebhook({ path: { id: Number(id) } })).data,
  });
  return (
    <Stack>
      <EventsTitle>Webhook {id}</EventsTitle>
      <Loaded query={query}>
        {(webhook) => (
          <>
            <Facts webhook={webhook} />
            <Actions key={id} webhook={webhook} />
            <Deliveries key={`deliveries ${id}`} webhook={webhook} />
          </>
        )}
      </Loaded>
    </Stack>
  );
}

function Facts({ webhook }: { readonly webhook: Webhook }) {
  const { url, description, types, createdAt, previousSecretUntil } = webhook;
  return (
    <Paper withBorder p="md" component="section" aria-label="What it is">
      <Group justify="space-between" align="flex-start">
        <Stack gap={4} flex="1 1 280px">
          <ValueText value={url} />
          {description !== null && <Text size="sm">{description}</Text>}
          <Text size="sm" c="dimmed">
            {types === null ? 'All events' : `Only: ${types.map(typeName).join(', ')}`}; made{' '}
            <Moment at={createdAt} />
          </Text>
          {previousSecretUntil !== null && Date.parse(previousSecretUntil) > Date.now() && (
            <Text size="sm">
              Two secrets sign until <Moment at={previousSecretUntil} />.
            </Text>
          )}
        </Stack>
        <WebhookState webhook={webhook} />
      </Group>
    </Paper>
  );
}

type Panel = 'edit' | 'secret' | 'delete';

interface ActionProps {
  readonly webhook: Webhook;
}

/** What can be done with it. What takes more than a click opens below the buttons. */
function Actions({ webhook }: ActionProps) {
  const { id, enabled } = webhook;
  const queries = useQueryClient();
  const [panel, setPanel] = useState<Panel | null>(null);
  const test = useMutation({ mutationFn: async () => (await api.testWebhook({ path: { id } })).data });
  const toggle = useMutation({
    mutationFn: () => api.updateWebhook({ path: { id }, body: { enabled: !enabled } }),
    onSuccess: () => queries.invalidateQueries(),
  });
  const open = (name: Panel) => ({
    variant: 'default',
    'aria-expanded': panel === name,
    onClick: () => setPanel(panel === name ? null : name),
  });
  const close = (): void => setPanel(null);
  return (
    <>
      <Group gap="xs">
        <Button loading={test.isPending} onClick={() => test.mutate()}>
          Send a test event
        </Button>
        <Button variant="default" loading={toggle.isPending} onClick={() => toggle.mutate()}>
          {enabled ? 'Switch off' : 'Switch on'}
        </Button>
        <Button {...open('edit')}>Edit…</Button>
        <Button {...open('secret')}>New secret…</Button>
        <Button {...open('delete')}>Delete…</Button>
      </Group>
      {!enabled && (
        <Text size="sm">
          While it is off, what happens is not sent to it, and not kept for it. Switch it on, and deliver
          again what it missed.
        </Text>
      )}
      {test.isSuccess && !test.isPending && <TestResult result={test.data} />}
      {(test.isError || toggle.isError) && <Refusal error={test.error ?? toggle.error} />}
      {panel === 'edit' && <Edit webhook={webhook} onDone={close} />}
      {panel === 'secret' && <NewSecret webhook={webhook} />}
      {panel === 'delete' && <Delete webhook={webhook} onCancel={close} />}
    </>
  );
}

interface ResultProps {
  readonly result: WebhookTest;
}

/** What a test event came to. */
function TestResult({ result: { delivered, status, failure, durationMs, excerpt } }: ResultProps) {
  return (
    <Alert
      role="status"
      color={delivered ? 'green' : 'orange'}
      title={delivered ? 'The receiver took it' : 'The receiver did not take it'}
    >
      <Text size="sm">
        {status === null
          ? `No answer: ${failureText(failure)}.`
          : `It answered ${status} after ${durationMs} ms.`}
      </Text>
      {excerpt !== null && excerpt !== '' && (
        <Text size="sm" ff="monospace" className="wrapped" mt={4}>
          {excerpt}
        </Text>
      )}
    </Alert>
  );
}

function Edit({ webhook, onDone }: ActionProps & { readonly onDone: () => void }) {
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: (terms: Terms) => api.updateWebhook({ path: { id: webhook.id }, body: terms }),
    onSuccess: async () => {
      await queries.invalidateQueries();
      onDone();
    },
  });
  return (
    <>
      <WebhookForm
        webhook={webhook}
        verb="Save"
        isSending={save.isPending}
        onSend={(terms) => save.mutate(terms)}
        onCancel={onDone}
      />
      {save.isError && <Refusal error={save.error} />}
    </>
  );
}

function NewSecret({ webhook: { id } }: ActionProps) {
  const queries = useQueryClient();
  const rotate = useMutation({
    mutationFn: async () => (await api.rotateWebhookSecret({ path: { id } })).data,
    onSuccess: () => queries.invalidateQueries(),
  });
  if (rotate.isSuccess) {
    const until = rotate.data.previousSecretUntil;
    return (
      <OnceShown title={`Webhook ${id} has a new secret`} secret={rotate.data.secret}>
        {until !== null && (
          <>
            The one before signs too until <Moment at={until} />.
          </>
        )}
      </OnceShown>
    );
  }
  return (
    <Paper withBorder p="md" component="section" aria-label="New secret">
      <Stack align="flex-start" gap="sm">
        <Text size="sm">
          For 24 hours both secrets sign, so that the receiver can change over and loses nothing. If somebody
          else knows the secret of today, make a new one twice: then it signs no more.
        </Text>
        <Button loading={rotate.isPending} onClick={() => rotate.mutate()}>
          Make a new secret
        </Button>
        {rotate.isError && <Refusal error={rotate.error} />}
      </Stack>
    </Paper>
  );
}

function Delete({ webhook: { id }, onCancel }: ActionProps & { readonly onCancel: () => void }) {
  const queries = useQueryClient();
  const navigate = webhookRoute.useNavigate();
  const remove = useMutation({
    mutationFn: () => api.deleteWebhook({ path: { id } }),
    onSuccess: async () => {
      await navigate({ to: '/events/webhooks' });
      await queries.invalidateQueries({ queryKey: ['webhooks'] });
    },
  });
  return (
    <Paper withBorder p="md" component="section" aria-label="Delete">
      <Stack align="flex-start" gap="sm">
        <Text size="sm">
          Nothing is sent to it any more, its deliveries and dead letters are deleted, and its secret is of no
          use. Nobody can undo it; to pause, switch it off.
        </Text>
        <Group>
          <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
            Delete webhook {id}
          </Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
        {remove.isError && <Refusal error={remove.error} />}
      </Stack>
    </Paper>
  );
}

import { Button, Group, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Webhook } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { EventsTitle } from './events-parts.js';
import { typeName } from './events-words.js';
import { Loaded, Nothing } from './parts.js';
import { WebhookForm, type Terms } from './webhook-form.js';
import { OnceShown, Refusal, WebhookState } from './webhook-parts.js';

/** Where events are sent to. */
export function WebhooksPage() {
  const query = useQuery({
    queryKey: ['webhooks'],
    // a tenant has 100 at most
    queryFn: async () => (await api.listWebhooks({ query: { limit: 200 } })).data.webhooks,
  });
  return (
    <Stack>
      <EventsTitle>Webhooks</EventsTitle>
      <Group justify="space-between">
        <Text size="sm" c="dimmed" maw={640}>
          The service calls these addresses when something happens: signed, again after a failure, for three
          days.
        </Text>
        <Button renderRoot={(props) => <Link to="/events/webhooks/new" {...props} />}>New webhook…</Button>
      </Group>
      <Loaded query={query}>
        {(webhooks) =>
          webhooks.length === 0 ? (
            <Nothing>There is no webhook yet.</Nothing>
          ) : (
            <Webhooks webhooks={webhooks} />
          )
        }
      </Loaded>
    </Stack>
  );
}

function Webhooks({ webhooks }: { readonly webhooks: readonly Webhook[] }) {
  return (
    <Table.ScrollContainer minWidth={640}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Webhook</Table.Th>
            <Table.Th>Where to</Table.Th>
            <Table.Th>Events</Table.Th>
            <Table.Th>State</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {webhooks.map((webhook) => (
            <Table.Tr key={webhook.id}>
              <Table.Td>
                <Link to="/events/webhooks/$id" params={{ id: String(webhook.id) }}>
                  Webhook {webhook.id}
                </Link>
              </Table.Td>
              <Table.Td>
                <Text size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                  {webhook.url}
                </Text>
                {webhook.description !== null && (
                  <Text size="sm" c="dimmed">
                    {webhook.description}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>{webhook.types === null ? 'all' : webhook.types.map(typeName).join(', ')}</Table.Td>
              <Table.Td>
                <WebhookState webhook={webhook} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** Makes a webhook, and shows its secret this once. */
export function NewWebhookPage() {
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: async (terms: Terms) => (await api.createWebhook({ body: terms })).data,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  });
  return (
    <Stack>
      <EventsTitle>New webhook</EventsTitle>
      {create.isSuccess ? (
        <>
          <OnceShown title={`Webhook ${create.data.id} was made`} secret={create.data.secret} />
          <Link to="/events/webhooks/$id" params={{ id: String(create.data.id) }}>
            Webhook {create.data.id}: test it, see its deliveries
          </Link>
        </>
      ) : (
        <>
          <WebhookForm verb="Make it" isSending={create.isPending} onSend={(terms) => create.mutate(terms)} />
          {create.isError && <Refusal error={create.error} />}
        </>
      )}
    </Stack>
  );
}

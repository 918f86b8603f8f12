import { Alert, Badge, Button, Group, Stack, Switch, Table, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ApiKey } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { CreateKey, RevokeKey, RotateKey, type MadeKey } from './key-forms.js';
import { Loaded, Moment, More, Nothing, ValueText } from './parts.js';
import { keysRoute } from './router.js';
import { useSession } from './session.js';

/** Who may call the service: keys are made, rotated and revoked. */
export function KeysPage() {
  const { authMode } = useSession();
  const { rotate, revoke, ended } = keysRoute.useSearch();
  const navigate = keysRoute.useNavigate();
  const [made, setMade] = useState<MadeKey | null>(null);
  const query = useInfiniteQuery({
    queryKey: ['keys'],
    queryFn: async ({ pageParam }) => (await api.listKeys({ query: { after: pageParam, limit: 200 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  const keys = query.data?.pages.flatMap((page) => page.keys) ?? [];
  const chosen = keys.find(({ id }) => id === (rotate ?? revoke));
  const show = (key: MadeKey): void => {
    setMade(key);
    void navigate({ search: { ended }, replace: true });
  };
  return (
    <Stack>
      <Title order={1} size="h2">
        Keys
      </Title>
      {authMode === 'none' && (
        <Alert color="yellow" p="xs">
          <Text size="sm">
            The service asks nobody for a key now. Keys count from when it is started with{' '}
            <code>AUTH_MODE=api-key</code>. Make one with the scope admin before that, and look whether others
            have made some.
          </Text>
        </Alert>
      )}
      {made !== null ? (
        <ShownOnce made={made} onDone={() => setMade(null)} />
      ) : chosen === undefined ? (
        <CreateKey onMade={show} />
      ) : rotate === undefined ? (
        <RevokeKey key={chosen.id} apiKey={chosen} />
      ) : (
        <RotateKey key={chosen.id} apiKey={chosen} onMade={show} />
      )}
      <Switch
        label="Show keys that no longer work, too"
        checked={ended === true}
        onChange={(event) =>
          void navigate({ search: { ended: event.currentTarget.checked || undefined }, replace: true })
        }
      />
      <Loaded query={query}>
        {() => <KeysTable keys={ended === true ? keys : keys.filter((key) => stateOf(key) === 'works')} />}
      </Loaded>
      <More query={query} label="Show more" />
    </Stack>
  );
}

interface ShownProps {
  readonly made: MadeKey;
  readonly onDone: () => void;
}

/** A new key. It is in the memory of this page alone, and gone with it. */
function ShownOnce({ made: { name, text, previous }, onDone }: ShownProps) {
  return (
    <Alert color="green" title={`The key of ${name}`} role="status">
      <Stack gap="xs" align="flex-start">
        <ValueText value={text} />
        <Text size="sm">
          Copy it now: it is not shown again. It works at once.
          {previous?.expiresAt != null && (
            <>
              {' '}
              The old key works until <Moment at={previous.expiresAt} />.
            </>
          )}
        </Text>
        <Button size="xs" onClick={onDone}>
          I have it
        </Button>
      </Stack>
    </Alert>
  );
}

function KeysTable({ keys }: { readonly keys: readonly ApiKey[] }) {
  if (keys.length === 0) {
    return <Nothing>There is no key.</Nothing>;
  }
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>May</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Do</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map((key) => (
            <KeyRow key={key.id} apiKey={key} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function KeyRow({ apiKey }: { readonly apiKey: ApiKey }) {
  const { id, name, scopes, callsPerMinute, createdAt, lastUsedAt, expiresAt, revokedAt } = apiKey;
  const isOwn = useSession().key?.id === id;
  const state = stateOf(apiKey);
  return (
    <Table.Tr>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>
        {name}{' '}
        {isOwn && (
          <Badge variant="outline" c="var(--mantine-color-text)" tt="none">
            yours
          </Badge>
        )}
        <Text size="xs" c="dimmed" ff="monospace">
          {id}
        </Text>
      </Table.Td>
      <Table.Td>
        {scopes.join(', ')}
        {callsPerMinute !== null && (
          <Text size="xs" c="dimmed">
            {callsPerMinute.toLocaleString()} calls a minute
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Moment at={createdAt} />
      </Table.Td>
      <Table.Td>{lastUsedAt === null ? 'never' : <Moment at={lastUsedAt} />}</Table.Td>
      <Table.Td>
        {revokedAt !== null ? (
          <>
            revoked <Moment at={revokedAt} />
          </>
        ) : expiresAt !== null ? (
          <>
            {state === 'works' ? 'works until' : 'ended'} <Moment at={expiresAt} />
          </>
        ) : (
          'works'
        )}
      </Table.Td>
      <Table.Td>
        {state === 'works' && (
          <Group gap="xs">
            <Link to="/keys" search={{ rotate: id }} aria-label={`Rotate ${name}`}>
              Rotate…
            </Link>
            {!isOwn && (
              <Link to="/keys" search={{ revoke: id }} aria-label={`Revoke ${name}`}>
                Revoke…
              </Link>
            )}
          </Group>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function stateOf({ revokedAt, expiresAt }: ApiKey): 'works' | 'ended' {
  return revokedAt === null && (expiresAt === null || Date.parse(expiresAt) > Date.now()) ? 'works' : 'ended';
}

import {
  Button,
  Checkbox,
  Group,
  NativeSelect,
  Paper,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ApiKey } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { ProblemView } from './problem.js';
import { ReasonField } from './reason-field.js';
import { keysRoute } from './router.js';
import { useSession } from './session.js';

type Scope = ApiKey['scopes'][number];

const SCOPES: readonly (readonly [Scope, string])[] = [
  ['identify', 'sends what customers give, and gets all that is known of them'],
  ['read', 'looks people up, with the reasons'],
  ['curate', 'merges, undoes, splits, decides reviews, blocks values, reads the audit'],
  ['delete', 'deletes contacts and people'],
  ['erase', 'erases people for good, and downloads all that is stored of them'],
  ['events', 'follows what changes, and sets webhooks'],
  ['admin', 'everything, with the policy and the keys'],
];
const DAY_MS = 86_400_000;
const LIVES = [
  { value: '90', label: 'in 90 days' },
  { value: '365', label: 'in a year' },
  { value: '', label: 'never' },
];
const OVERLAPS = [
  { value: '86400', label: 'for a day' },
  { value: '3600', label: 'for an hour' },
  { value: '604800', label: 'for a week' },
  { value: '300', label: 'for five minutes' },
];
const NO_OVERLAP = { value: '0', label: 'not any more' };

/** A key that was made, and the one that it replaces. */
export interface MadeKey {
  readonly name: string;
  readonly text: string;
  readonly previous: ApiKey | null;
}

interface MakingProps {
  readonly onMade: (made: MadeKey) => void;
}

/** Makes a key with a choice of scopes. */
export function CreateKey({ onMade }: MakingProps) {
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>(['identify', 'read']);
  const [days, setDays] = useState('365');
  const [reason, setReason] = useState('');
  const create = useMutation({
    mutationFn: async () =>
      (
        await api.createKey({
          body: {
            name: name.trim(),
            scopes: scopes as Scope[],
            expiresAt: days === '' ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString(),
            reason: reason.trim() || undefined,
          },
        })
      ).data,
    onSuccess: ({ key: text }) => {
      onMade({ name: name.trim(), text, previous: null });
      return queries.invalidateQueries();
    },
  });
  return (
    <Paper
      withBorder
      p="md"
      component="form"
      aria-label="New key"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <Stack gap="sm">
        <Title order={2} size="h4">
          New key
        </Title>
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <TextInput
            label="Name"
            description="Whose it is, or what for. It is in the audit."
            required
            maxLength={100}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <NativeSelect
            label="Ends"
            description="A successor can be made before."
            data={LIVES}
            value={days}
            onChange={(event) => setDays(event.currentTarget.value)}
          />
          <ReasonField description="It is in the audit." value={reason} onChange={setReason} />
        </SimpleGrid>
        <Checkbox.Group label="It may" value={scopes} onChange={setScopes}>
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xs" mt="xs">
            {SCOPES.map(([scope, text]) => (
              <Checkbox key={scope} value={scope} label={scope} description={text} />
            ))}
          </SimpleGrid>
        </Checkbox.Group>
        <Group>
          <Button
            type="submit"
            disabled={name.trim() === '' || scopes.length === 0}
            loading={create.isPending}
          >
            Make the key
          </Button>
        </Group>
        {create.isError && <ProblemView error={create.error} />}
      </Stack>
    </Paper>
  );
}

interface OfKey {
  readonly apiKey: ApiKey;
}

/** Makes the successor of a key. */
export function RotateKey({ apiKey: { id, name }, onMade }: OfKey & MakingProps) {
  const isOwn = useSession().key?.id === id;
  const queries = useQueryClient();
  const [overlap, setOverlap] = useState('86400');
  const [reason, setReason] = useState('');
  const rotate = useMutation({
    mutationFn: async () =>
      (
        await api.rotateKey({
          path: { id },
          body: { overlapSeconds: Number(overlap), reason: reason.trim() || undefined },
        })
      ).data,
    onSuccess: ({ key: text, previous }) => {
      onMade({ name, text, previous });
      return queries.invalidateQueries();
    },
  });
  return (
    <Paper withBorder p="md" component="section" aria-label={`Rotate ${name}`}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          Rotate {name}
        </Title>
        <Text size="sm">A new key with the same name, scopes and end takes its place.</Text>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <NativeSelect
            label="The old one still works"
            data={isOwn ? OVERLAPS : [...OVERLAPS, NO_OVERLAP]}
            value={overlap}
            onChange={(event) => setOverlap(event.currentTarget.value)}
          />
          <ReasonField value={reason} onChange={setReason} />
        </SimpleGrid>
        <End verb="Make the new key" change={rotate} />
      </Stack>
    </Paper>
  );
}

/** Ends a key for good. The name is typed, so that nobody does it by habit. */
export function RevokeKey({ apiKey: { id, name } }: OfKey) {
  const queries = useQueryClient();
  const navigate = keysRoute.useNavigate();
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const word = `revoke ${name}`;
  const revoke = useMutation({
    mutationFn: async () => api.revokeKey({ path: { id }, body: { reason: reason.trim() || undefined } }),
    onSuccess: async () => {
      await navigate({ search: {}, replace: true });
      await queries.invalidateQueries();
    },
  });
  return (
    <Paper withBorder p="md" component="section" aria-label={`Revoke ${name}`}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          Revoke {name}
        </Title>
        <Text size="sm">
          Whoever uses it gets 401 within five seconds, and is signed out of the console. Nobody can undo it.
        </Text>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput
            label={`Type “${word}” to confirm`}
            autoComplete="off"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <ReasonField value={reason} onChange={setReason} />
        </SimpleGrid>
        <End verb="Revoke the key" change={revoke} color="red" disabled={typed !== word} />
      </Stack>
    </Paper>
  );
}

interface EndProps {
  readonly verb: string;
  readonly change: UseMutationResult<unknown, Error, void>;
  readonly color?: string;
  readonly disabled?: boolean;
}

/** Does it, or does not. */
function End({ verb, change, ...button }: EndProps) {
  return (
    <>
      <Group>
        <Button {...button} loading={change.isPending} onClick={() => change.mutate()}>
          {verb}
        </Button>
        <Link to="/keys">Cancel</Link>
      </Group>
      {change.isError && <ProblemView error={change.error} />}
    </>
  );
}

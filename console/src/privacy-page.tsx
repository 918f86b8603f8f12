import {
  Alert,
  Button,
  Group,
  NumberInput,
  Paper,
  Radio,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { PlannedErasure } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { AS_READ, PersonCard } from './change-panel.js';
import { Loaded, Moment } from './parts.js';
import { isProblem, ProblemView } from './problem.js';
import { ReasonField } from './reason-field.js';
import { privacyRoute } from './router.js';

/** What is stored of a person, and its end. */
export function PrivacyPage() {
  const { contact, erasure } = privacyRoute.useSearch();
  const navigate = privacyRoute.useNavigate();
  const [id, setId] = useState<number | string>(contact ?? '');
  // a link or the back button may name somebody else
  useEffect(() => setId(contact ?? ''), [contact]);
  return (
    <Stack>
      <Title order={1} size="h2">
        Privacy
      </Title>
      {erasure !== undefined && <Progress id={Number(erasure)} />}
      <Group
        component="form"
        role="search"
        align="flex-end"
        onSubmit={(event) => {
          event.preventDefault();
          void navigate({ search: { contact: String(id) } });
        }}
      >
        <NumberInput
          label="Contact of the person"
          hideControls
          allowDecimal={false}
          allowNegative={false}
          min={1}
          value={id}
          onChange={setId}
        />
        <Button type="submit" variant="default" disabled={id === ''}>
          Show
        </Button>
      </Group>
      {contact !== undefined && (
        <>
          <SubjectAccess key={`access ${contact}`} contactId={Number(contact)} />
          <Erase key={`erase ${contact}`} contactId={Number(contact)} />
        </>
      )}
    </Stack>
  );
}

interface Props {
  readonly contactId: number;
}

/** All that is stored of a person, as a file for them. */
function SubjectAccess({ contactId }: Props) {
  const download = useMutation({
    mutationFn: async () => {
      const { data } = await api.getSubjectData({ body: { contactId } });
      const file = new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' });
      const link = document.createElement('a');
      link.href = URL.createObjectURL(file);
      link.download = `person-${contactId}.json`;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  });
  return (
    <Paper withBorder p="md" component="section" aria-label="Subject access">
      <Title order={2} size="h4">
        Everything that is stored
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        Contacts, deleted ones too, their past, merges, rules, reviews and changes. Identifiers of others are
        left out.
      </Text>
      <Button variant="default" loading={download.isPending} onClick={() => download.mutate()}>
        Download as JSON
      </Button>
      {download.isError && <ProblemView error={download.error} />}
    </Paper>
  );
}

/** Erases a person for good. The word to type is the id of the person, so that nobody does it by habit. */
function Erase({ contactId }: Props) {
  const queries = useQueryClient();
  const navigate = privacyRoute.useNavigate();
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const [blockedForDays, setBlockedForDays] = useState('0');
  const body = { contactId, scope: 'identity' as const, blockedForDays: Number(blockedForDays) };
  const plan = useQuery({
    queryKey: ['plan', 'erase', contactId, blockedForDays],
    queryFn: async () => {
      const { data, response } = await api.erase({
        body: { ...body, reason: 'dry run' },
        query: { dryRun: true },
      });
      return { planned: data as PlannedErasure, etag: response.headers.get('etag') ?? '' };
    },
    // what is typed below it stays where it is
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
    ...AS_READ,
  });
  const erase = useMutation({
    mutationFn: async (etag: string) =>
      (await api.erase({ body: { ...body, reason: reason.trim() }, headers: { 'If-Match': etag } })).data,
    onSuccess: (data) => {
      // other pages must not show, not even for a moment, what they have read of the person
      queries.removeQueries({ type: 'inactive' });
      return navigate({ search: 'erasureId' in data ? { erasure: String(data.erasureId) } : {} });
    },
  });
  return (
    <Paper withBorder p="md" component="section" aria-label="Erasure">
      <Stack>
        <Title order={2} size="h4">
          Erase for good
        </Title>
        <Loaded query={plan}>
          {({ planned: { contacts, identifiers, identity }, etag }) => {
            const word = `erase ${identity?.contact.primaryContactId ?? contactId}`;
            return (
              <>
                <Text size="sm">
                  This removes {countOf(contacts, 'contact')} and {countOf(identifiers, 'identifier')}, with
                  their past. Nobody can undo it.
                </Text>
                {identity !== null && <PersonCard person={identity.contact} />}
                <Radio.Group
                  label="If the person comes back"
                  value={blockedForDays}
                  onChange={setBlockedForDays}
                >
                  <Group>
                    <Radio value="0" label="is a stranger" />
                    <Radio value="30" label="is refused for 30 days" />
                    <Radio value="365" label="is refused for a year" />
                  </Group>
                </Radio.Group>
                <ReasonField required value={reason} onChange={setReason} />
                <TextInput
                  label={`Type “${word}” to confirm`}
                  autoComplete="off"
                  value={typed}
                  onChange={(event) => setTyped(event.currentTarget.value)}
                />
                <Group>
                  <Button
                    color="red"
                    disabled={typed !== word || reason.trim() === ''}
                    loading={erase.isPending}
                    onClick={() => erase.mutate(etag)}
                  >
                    Erase person {identity?.contact.primaryContactId ?? contactId}
                  </Button>
                </Group>
                {erase.isError &&
                  (isProblem(erase.error, 'precondition-failed') ? (
                    <Alert color="yellow" title="Somebody has changed it meanwhile" role="alert">
                      <Button
                        size="xs"
                        onClick={() => {
                          erase.reset();
                          void plan.refetch();
                        }}
                      >
                        Show it again
                      </Button>
                    </Alert>
                  ) : (
                    <ProblemView error={erase.error} />
                  ))}
              </>
            );
          }}
        </Loaded>
      </Stack>
    </Paper>
  );
}

/** How far an erasure is; a minute after it was made it is done. */
function Progress({ id }: { readonly id: number }) {
  const query = useQuery({
    queryKey: ['erasure', id],
    queryFn: async () => (await api.getErasure({ path: { id } })).data,
    refetchInterval: ({ state }) => (state.data?.status === 'done' ? false : 5_000),
  });
  return (
    <Loaded query={query}>
      {({ status, contacts, identifiers, createdAt, doneAt }) => (
        <Alert
          color={status === 'done' ? 'green' : 'blue'}
          title={`Erasure ${id} is ${status === 'done' ? 'done' : 'under way'}`}
          role="status"
        >
          {countOf(contacts, 'contact')} and {countOf(identifiers, 'identifier')} were removed at{' '}
          <Moment at={createdAt} />.{' '}
          {doneAt === null ? (
            'Within a minute the service checks that nothing of them is left.'
          ) : (
            <>
              Nothing of them was left at <Moment at={doneAt} />.
            </>
          )}
        </Alert>
      )}
    </Loaded>
  );
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

import {
  Alert,
  Anchor,
  Badge,
  Button,
  Group,
  NumberInput,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
  VisuallyHidden,
} from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ExceedingIdentity, Kind, Policy, PolicyChange } from '../../clients/typescript/src/index.js';
import { api, kindName } from './api.js';
import { KindEditor, NEW_KIND } from './kind-editor.js';
import { isProblem, ProblemView } from './problem.js';
import { useMay } from './session.js';

interface Props {
  readonly policy: Policy;
  readonly etag: string;
  readonly onChange: () => void;
  readonly onSave: () => void;
}

/** The limits and kinds. Changes are gathered, previewed by the service, and saved together. */
export function PolicyForm({ policy, etag, onChange, onSave }: Props) {
  const mayChange = useMay('admin');
  const [draft, setDraft] = useState(policy);
  /** The kind that is being changed; null: none */
  const [edited, setEdited] = useState<Kind | null>(null);
  const isChanged = JSON.stringify(draft) !== JSON.stringify(policy);
  const change = (to: Partial<Policy>): void => {
    onChange();
    setDraft((old) => ({ ...old, ...to }));
  };
  const apply = (kind: Kind): void => {
    const isKnown = draft.kinds.some(({ name }) => name === kind.name);
    const kinds = isKnown
      ? draft.kinds.map((each) => (each.name === kind.name ? kind : each))
      : [...draft.kinds, kind];
    change({ kinds });
    setEdited(null);
  };
  return (
    <>
      <NumberInput
        label="The most contacts of a person"
        description="Empty: no limit. A lower limit takes nobody apart."
        readOnly={!mayChange}
        maw={320}
        min={1}
        allowDecimal={false}
        allowNegative={false}
        value={draft.maxContacts ?? ''}
        onChange={(value) => change({ maxContacts: value === '' ? null : Number(value) })}
      />
      <KindsTable
        kinds={draft.kinds}
        stored={policy.kinds}
        onEdit={mayChange ? (kind) => setEdited(kind) : null}
      />
      {mayChange && edited === null && (
        <Group>
          <Button size="xs" variant="default" onClick={() => setEdited(NEW_KIND)}>
            Add a kind…
          </Button>
        </Group>
      )}
      {edited !== null && (
        <KindEditor
          key={edited.name}
          kind={edited}
          isNew={!policy.kinds.some(({ name }) => name === edited.name)}
          onApply={apply}
          onCancel={() => setEdited(null)}
        />
      )}
      {isChanged && <Changes draft={draft} etag={etag} onSave={onSave} onDiscard={() => setDraft(policy)} />}
    </>
  );
}

interface KindsTableProps {
  readonly kinds: readonly Kind[];
  readonly stored: readonly Kind[];
  /** null: the key may not. */
  readonly onEdit: ((kind: Kind) => void) | null;
}

function KindsTable({ kinds, stored, onEdit }: KindsTableProps) {
  return (
    <Stack component="section" gap="xs" aria-label="Kinds">
      <Title order={2} size="h4">
        Kinds of identifiers, the strongest first
      </Title>
      <Table.ScrollContainer minWidth={560}>
        <Table verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Kind</Table.Th>
              <Table.Th>Normal form</Table.Th>
              <Table.Th>Priority</Table.Th>
              <Table.Th>Most of a person</Table.Th>
              <Table.Th>Longest</Table.Th>
              {onEdit !== null && (
                <Table.Th>
                  <VisuallyHidden>Change</VisuallyHidden>
                </Table.Th>
              )}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {kinds
              .toSorted((a, b) => a.priority - b.priority)
              .map((kind) => (
                <Table.Tr key={kind.name}>
                  <Table.Td>
                    <Group gap="xs">
                      {kindName(kind.name)}
                      {kind.retired && <Mark>retired</Mark>}
                      {!isStored(kind, stored) && <Mark>not saved</Mark>}
                    </Group>
                  </Table.Td>
                  <Table.Td>{kind.normaliser}</Table.Td>
                  <Table.Td>{kind.priority}</Table.Td>
                  <Table.Td>{kind.onePerIdentity ? '1' : (kind.maxPerIdentity ?? 'no limit')}</Table.Td>
                  <Table.Td>{kind.maxLength}</Table.Td>
                  {onEdit !== null && (
                    <Table.Td ta="right">
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={`Change ${kindName(kind.name)}`}
                        onClick={() => onEdit(kind)}
                      >
                        Change…
                      </Button>
                    </Table.Td>
                  )}
                </Table.Tr>
              ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  );
}

function Mark({ children }: { readonly children: string }) {
  return (
    <Badge color="gray" variant="outline" c="var(--mantine-color-text)" tt="none">
      {children}
    </Badge>
  );
}

function isStored(kind: Kind, stored: readonly Kind[]): boolean {
  return JSON.stringify(kind) === JSON.stringify(stored.find(({ name }) => name === kind.name));
}

interface ChangesProps {
  readonly draft: Policy;
  readonly etag: string;
  readonly onSave: () => void;
  readonly onDiscard: () => void;
}

/** What the changes would do, and whether to make them. */
function Changes({ draft, etag, onSave, onDiscard }: ChangesProps) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [asked] = useDebouncedValue(draft, 300);
  const send = (policy: Policy, dryRun: boolean) =>
    api.replacePolicy({
      body: { ...policy, reason: dryRun ? undefined : reason.trim() || undefined },
      headers: { 'If-Match': etag },
      query: { dryRun },
    });
  const preview = useQuery({
    queryKey: ['plan', 'policy', asked, etag],
    queryFn: async () => (await send(asked, true)).data,
    gcTime: 0,
  });
  const save = useMutation({
    mutationFn: () => send(draft, false),
    onSuccess: async () => {
      onSave();
      await queries.invalidateQueries();
    },
  });
  const error = save.error ?? preview.error;
  return (
    <Stack component="section" aria-label="Changes" gap="sm">
      {preview.isSuccess && <Exceeding change={preview.data} />}
      {error !== null &&
        (isProblem(error, 'precondition-failed') ? (
          <Alert color="yellow" title="Somebody has changed the policy meanwhile" role="alert">
            <Text size="sm" mb="xs">
              Nothing was saved. Your changes are dropped when you look at it anew.
            </Text>
            <Button size="xs" onClick={() => void queries.invalidateQueries()}>
              Show it as it is now
            </Button>
          </Alert>
        ) : (
          <ProblemView error={error} />
        ))}
      <Group align="flex-end">
        <TextInput
          label="Reason of the change"
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Button
          loading={save.isPending}
          disabled={!preview.isSuccess || asked !== draft}
          onClick={() => save.mutate()}
        >
          Save
        </Button>
        <Button variant="default" onClick={onDiscard}>
          Discard
        </Button>
      </Group>
    </Stack>
  );
}

const SHOWN = 10;

function Exceeding({ change: { exceeding, exceedingCount } }: { readonly change: PolicyChange }) {
  if (exceeding.length === 0) {
    return (
      <Text size="sm" role="status">
        Nobody is above a limit that you lower.
      </Text>
    );
  }
  return (
    <Alert
      color="yellow"
      role="status"
      title={
        exceedingCount === 1
          ? 'One person is above it already'
          : `${exceedingCount ?? 'Many'} are above it already`
      }
    >
      <Text size="sm" mb="xs">
        They stay as they are, and do not grow.
      </Text>
      {exceeding.slice(0, SHOWN).map((each) => (
        <ExceedingRow key={`${each.limit} ${each.contact.primaryContactId}`} exceeding={each} />
      ))}
      {exceeding.length > SHOWN && <Text size="sm">These are the largest {SHOWN}.</Text>}
    </Alert>
  );
}

function ExceedingRow({ exceeding: { contact, limit, count } }: { readonly exceeding: ExceedingIdentity }) {
  const id = String(contact.primaryContactId);
  return (
    <Text size="sm">
      <Anchor
        inherit
        underline="always"
        renderRoot={(props) => <Link to="/identities/$id" params={{ id }} {...props} />}
      >
        Person {id}
      </Anchor>{' '}
      has {count} {limit === 'maxContacts' ? 'contacts' : `of the kind ${kindName(limit)}`}
    </Text>
  );
}

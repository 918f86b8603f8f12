import {
  Button,
  Group,
  NativeSelect,
  NumberInput,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ListedChange } from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { changeKindOf, CHANGE_KINDS, type ChangeKind } from './change-kinds.js';
import { isoText, LAST_MOMENT, localText } from './local-time.js';
import { Loaded, Moment, More, Nothing } from './parts.js';
import { auditRoute } from './router.js';

/** More would hide the other changes. */
const SHOWN_CONTACTS = 6;

/** Who changed what by hand, when and why. */
export function AuditPage() {
  const search = auditRoute.useSearch();
  const query = useInfiniteQuery({
    queryKey: ['changes', search],
    queryFn: async ({ pageParam }) => {
      const { kind, actor, contact, from, to } = search;
      const filter = {
        kind,
        actor,
        from,
        to,
        contactId: contact === undefined ? undefined : Number(contact),
      };
      return (await api.listChanges({ query: { ...filter, after: pageParam, limit: 50 } })).data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Stack>
      <Title order={1} size="h2">
        Audit
      </Title>
      <Filters key={JSON.stringify(search)} />
      <Loaded query={query}>
        {({ pages }) => {
          const changes = pages.flatMap((page) => page.changes);
          return (
            <>
              {changes.length === 0 ? (
                <Nothing>
                  {query.hasNextPage
                    ? 'None among the latest changes.'
                    : 'Nobody has changed anything like this.'}
                </Nothing>
              ) : (
                <Changes changes={changes} />
              )}
              <More query={query} label="Show earlier ones" />
            </>
          );
        }}
      </Loaded>
    </Stack>
  );
}

/** What is asked for; it is in the address from the moment that it is shown. */
function Filters() {
  const search = auditRoute.useSearch();
  const navigate = auditRoute.useNavigate();
  const [actor, setActor] = useState(search.actor ?? '');
  const [contact, setContact] = useState<number | string>(search.contact ?? '');
  const [from, setFrom] = useState(fieldOf(search.from));
  const [to, setTo] = useState(fieldOf(search.to));
  const show = (kind: ChangeKind | undefined): void =>
    void navigate({
      search: {
        kind,
        actor: actor.trim() || undefined,
        contact: contact === '' ? undefined : String(contact),
        from: from === '' ? undefined : isoText(from),
        to: to === '' ? undefined : isoText(to),
      },
    });
  return (
    <Group
      component="form"
      role="search"
      align="flex-end"
      onSubmit={(event) => {
        event.preventDefault();
        show(search.kind);
      }}
    >
      <NativeSelect
        label="What"
        data={[
          { value: '', label: 'anything' },
          ...Object.entries(CHANGE_KINDS).map(([value, label]) => ({ value, label })),
        ]}
        value={search.kind ?? ''}
        onChange={(event) => show(changeKindOf(event.currentTarget.value))}
      />
      <TextInput
        label="Who"
        placeholder="id of a key, or cli"
        value={actor}
        onChange={(event) => setActor(event.currentTarget.value)}
      />
      <NumberInput
        label="Contact"
        hideControls
        allowDecimal={false}
        allowNegative={false}
        min={1}
        w={110}
        value={contact}
        onChange={setContact}
      />
      <TextInput
        label="From"
        type="datetime-local"
        max={LAST_MOMENT}
        value={from}
        onChange={(event) => setFrom(event.currentTarget.value)}
      />
      <TextInput
        label="Before"
        type="datetime-local"
        max={LAST_MOMENT}
        value={to}
        onChange={(event) => setTo(event.currentTarget.value)}
      />
      <Group gap="sm">
        <Button type="submit" variant="default">
          Show
        </Button>
        <Link to="/audit">All</Link>
      </Group>
    </Group>
  );
}

function Changes({ changes }: { readonly changes: readonly ListedChange[] }) {
  return (
    <Table.ScrollContainer minWidth={640}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>When</Table.Th>
            <Table.Th>Who</Table.Th>
            <Table.Th>What</Table.Th>
            <Table.Th>About</Table.Th>
            <Table.Th>Why</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {changes.map((change) => (
            <Table.Tr key={change.id}>
              <Table.Td>
                <Moment at={change.at} />
              </Table.Td>
              <Table.Td>
                <Actor actor={change.actor} />
              </Table.Td>
              <Table.Td>{CHANGE_KINDS[change.kind]}</Table.Td>
              <Table.Td>
                <About change={change} />
              </Table.Td>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{change.reason ?? '–'}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** Leads to all that the same key has changed. */
function Actor({ actor }: { readonly actor: string }) {
  const [id = actor, ...name] = actor.split(' ');
  return (
    <Link to="/audit" search={{ actor: id }} title={id} aria-label={`All changes of ${actor}`}>
      {name.join(' ') || actor}
    </Link>
  );
}

function About({
  change: { kind, contactIds, contacts, mergeIds, keyIds },
}: {
  readonly change: ListedChange;
}) {
  const isGone = kind === 'erasure' || kind === 'identity-delete';
  const shown = contactIds.slice(0, SHOWN_CONTACTS);
  return (
    <Group gap="xs">
      {shown.map((id) =>
        isGone ? (
          <Text span size="sm" key={id}>
            contact {id}
          </Text>
        ) : (
          <Link key={id} to="/identities/$id" params={{ id: String(id) }}>
            contact {id}
          </Link>
        ),
      )}
      {contacts > shown.length && (
        <Text span size="sm">
          and {contacts - shown.length} more
        </Text>
      )}
      {mergeIds.map((id) => (
        <Link
          key={`merge ${id}`}
          to="/merges/$id/undo"
          params={{ id: String(id) }}
          search={{ contact: shown.join(',') }}
        >
          merge {id}
        </Link>
      ))}
      {keyIds.map((id) => (
        <Text span size="sm" ff="monospace" key={id}>
          {id}
        </Text>
      ))}
    </Group>
  );
}

/** Empty if the address has no moment, or something else in its place. */
function fieldOf(iso: string | undefined): string {
  return iso === undefined || Number.isNaN(Date.parse(iso)) ? '' : localText(iso).slice(0, 16);
}

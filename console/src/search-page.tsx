import { Badge, Button, Checkbox, Group, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ProblemError, type Identity } from '../../clients/typescript/src/index.js';
import { api, kindName, valuesOf } from './api.js';
import { MAX_CHOSEN, useChosen } from './chosen.js';
import { ChoiceHeader, Loaded, More, Nothing } from './parts.js';
import { ProblemView } from './problem.js';
import { recentIds } from './recent.js';
import { searchRoute } from './router.js';
import { loadSamplePeople } from './sample-people.js';
import { useMay, useSession } from './session.js';
import { useTyped } from './typed.js';

/** From how many characters on the service looks for what begins with them. */
const PREFIX_MIN_LENGTH = 3;
/** As many it lists of those. */
const FOUND_MAX = 50;

/** Finds people by an email, a phone number or an id; without one, lists all. */
export function SearchPage() {
  const { q = '' } = searchRoute.useSearch();
  const navigate = searchRoute.useNavigate();
  const [text, setText] = useTyped(q, (typed) => {
    const value = typed.trim();
    // who is chosen stays: two who are merged are seldom found together
    void navigate({
      search: (old) => ({ ...old, q: value || undefined }),
      replace: true,
      resetScroll: false,
    });
    return value;
  });
  return (
    <Stack>
      <Title order={1} size="h2">
        Find a person
      </Title>
      <TextInput
        size="md"
        type="search"
        label="Email, phone number, other identifier or contact id"
        description="Its beginning is enough, from three characters on."
        autoFocus
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {q === '' ? (
        <>
          <Recent />
          <Everybody />
        </>
      ) : (
        <Found text={q} />
      )}
    </Stack>
  );
}

interface Hit {
  readonly contact: Identity;
  readonly why: string | null;
  readonly isPartial?: boolean;
}

function Found({ text }: { readonly text: string }) {
  const query = useQuery({ queryKey: ['search', text], queryFn: () => find(text) });
  return (
    <Loaded query={query}>
      {({ hits, hasMore }) =>
        hits.length === 0 ? (
          <Nothing>Nobody has “{text}”.</Nothing>
        ) : (
          <>
            <People hits={hits} />
            {hasMore && (
              <Text size="sm" role="status">
                More people than these have what begins like it. Type more of it to see the others.
              </Text>
            )}
          </>
        )
      }
    </Loaded>
  );
}

interface Finding {
  readonly hits: readonly Hit[];
  /** Whether others have what begins like it. */
  readonly hasMore: boolean;
}

/** By the exact value first, as the service normalises it, then by the id, then by how a value begins. */
async function find(text: string): Promise<Finding> {
  const isNumber = /^\d{1,15}$/.test(text);
  const sighting = sightingOf(text);
  let hasMore = false;
  const [exact, byId, beginning] = await Promise.all([
    sighting === null
      ? []
      : orNone(async () =>
          (await api.lookUp({ body: sighting })).data.identities.map(({ contact, matched }) => ({
            contact,
            why: `has this ${matched.map(kindName).join(', ')}`,
          })),
        ),
    isNumber
      ? orNone(async () => {
          const { contact } = (await api.getContact({ path: { id: Number(text) } })).data;
          return [{ contact, why: `has contact ${text}` }];
        })
      : [],
    text.length < PREFIX_MIN_LENGTH
      ? []
      : orNone(async () => {
          const { data } = await api.searchIdentities({
            body: { prefix: text },
            query: { limit: FOUND_MAX },
          });
          hasMore = data.next !== null;
          return data.identities.map(({ contact, partial }) => ({ contact, why: null, isPartial: partial }));
        }),
  ]);
  const hits = new Map<number, Hit>();
  for (const hit of [...exact, ...byId, ...beginning]) {
    if (!hits.has(hit.contact.primaryContactId)) {
      hits.set(hit.contact.primaryContactId, hit);
    }
  }
  return { hits: [...hits.values()], hasMore };
}

/** What may be a whole email or phone number; null: it is the beginning of one, or another identifier. */
function sightingOf(text: string): { readonly email: string } | { readonly phoneNumber: string } | null {
  if (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text)) {
    return { email: text };
  }
  return /^[+\d][\d\s().\-/]*$/.test(text) ? { phoneNumber: text } : null;
}

/** What was typed may be no email yet, and no id: then nobody has it. */
async function orNone(read: () => Promise<Hit[]>): Promise<Hit[]> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ProblemError && (error.status === 400 || error.status === 404)) {
      return [];
    }
    throw error;
  }
}

/** Who was looked at last in this tab; who is gone since is left out. */
function Recent() {
  const ids = recentIds(useSession());
  const people = useQueries({
    queries: ids.map((id) => ({
      queryKey: ['contact', String(id), undefined],
      queryFn: async () => (await api.getContact({ path: { id } })).data.contact,
    })),
  });
  // some may have become one since
  const known = new Map(
    people.flatMap(({ data }) => (data === undefined ? [] : [[data.primaryContactId, data]])),
  );
  if (ids.length === 0) {
    return null;
  }
  return (
    <Group component="section" aria-label="Looked at last" gap="xs" mih={28}>
      <Text size="sm" c="dimmed">
        Looked at last
      </Text>
      {[...known.values()].map((person) => {
        const id = String(person.primaryContactId);
        return (
          <Link key={id} className="recent" to="/identities/$id" params={{ id }}>
            {id} {valuesOf(person)[0]?.value}
          </Link>
        );
      })}
    </Group>
  );
}

function Everybody() {
  const query = useInfiniteQuery({
    queryKey: ['identities'],
    queryFn: async ({ pageParam }) =>
      (await api.listIdentities({ query: { after: pageParam, limit: 50 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const hits = pages.flatMap(({ identities }) =>
          identities.map(({ contact, partial }) => ({ contact, why: null, isPartial: partial })),
        );
        return hits.length === 0 ? (
          <NobodyYet />
        ) : (
          <Stack>
            <People hits={hits} />
            <More query={query} label="Show more" />
          </Stack>
        );
      }}
    </Loaded>
  );
}

function NobodyYet() {
  const { isEmbedded } = useSession();
  const mayLoad = useMay('identify') && isEmbedded;
  const queries = useQueryClient();
  const load = useMutation({
    mutationFn: loadSamplePeople,
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <Stack align="center" p="xl">
      <Text c="dimmed">
        There is nobody yet. People appear here as soon as a call of POST /identify brings them.
      </Text>
      {mayLoad && (
        <Button loading={load.isPending} onClick={() => load.mutate()}>
          Load sample people
        </Button>
      )}
      {load.isError && <ProblemView error={load.error} />}
    </Stack>
  );
}

const SHOWN_VALUES = 4;

function People({ hits }: { readonly hits: readonly Hit[] }) {
  const [chosen, toggle, chooseNone] = useChosen();
  const mayCurate = useMay('curate');
  return (
    <Stack gap="xs">
      <Table.ScrollContainer minWidth={300}>
        <Table highlightOnHover verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              {mayCurate && <ChoiceHeader />}
              <Table.Th w={70}>Person</Table.Th>
              <Table.Th>Identifiers</Table.Th>
              <Table.Th w={90} visibleFrom="sm">
                Contacts
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {hits.map(({ contact, why, isPartial }) => {
              const id = contact.primaryContactId;
              const values = valuesOf(contact);
              return (
                <Table.Tr key={id}>
                  {mayCurate && (
                    <Table.Td>
                      <Checkbox
                        aria-label={`Choose person ${id}`}
                        checked={chosen.has(id)}
                        disabled={chosen.size >= MAX_CHOSEN && !chosen.has(id)}
                        onChange={() => toggle(id)}
                      />
                    </Table.Td>
                  )}
                  <Table.Td>
                    <Link to="/identities/$id" params={{ id: String(id) }} aria-label={`Person ${id}`}>
                      {id}
                    </Link>
                  </Table.Td>
                  <Table.Td>
                    <Group gap="xs">
                      {values.slice(0, SHOWN_VALUES).map(({ kind, value }) => (
                        <Text
                          key={kind + value}
                          size="sm"
                          ff="monospace"
                          style={{ overflowWrap: 'anywhere' }}
                        >
                          {value}
                        </Text>
                      ))}
                      {values.length > SHOWN_VALUES && (
                        <Text size="sm" c="dimmed">
                          and {values.length - SHOWN_VALUES} more
                        </Text>
                      )}
                      {why !== null && (
                        <Badge variant="light" tt="none">
                          {why}
                        </Badge>
                      )}
                    </Group>
                  </Table.Td>
                  <Table.Td visibleFrom="sm">
                    {isPartial ? 'more than 100' : (contact.secondaryContactIds.length + 1).toLocaleString()}
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {mayCurate && (
        <Group>
          <Button
            disabled={chosen.size < 2}
            renderRoot={(props) => <Link to="/merge" search={{ ids: [...chosen].join(',') }} {...props} />}
          >
            {chosen.size < 2 ? 'Choose two to merge them' : `Merge these ${chosen.size}`}
          </Button>
          {chosen.size > 0 && (
            <Button variant="default" onClick={chooseNone}>
              Choose none
            </Button>
          )}
        </Group>
      )}
    </Stack>
  );
}

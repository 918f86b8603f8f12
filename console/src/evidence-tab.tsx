import {
  Alert,
  Badge,
  Button,
  Checkbox,
  Group,
  NumberInput,
  Pagination,
  Skeleton,
  Stack,
  Switch,
  Table,
  Text,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import type { Contact, Edge, Evidence, Identifier } from '../../clients/typescript/src/index.js';
import { api, valueText } from './api.js';
import { ChoiceHeader, Loaded, Moment } from './parts.js';
import { identityRoute } from './router.js';
import { useMay } from './session.js';

const EvidenceGraph = lazy(() => import('./evidence-graph.js'));

/** Why the contacts are one person: as a picture, and as a table with the same content. */
export function EvidenceTab({ contactId }: { readonly contactId: number }) {
  const query = useQuery({
    queryKey: ['evidence', contactId],
    queryFn: async () => (await api.getEvidence({ path: { id: contactId } })).data as Evidence,
  });
  return <Loaded query={query}>{(evidence) => <Shown contactId={contactId} evidence={evidence} />}</Loaded>;
}

interface ShownProps {
  readonly contactId: number;
  readonly evidence: Evidence;
}

function Shown({ contactId, evidence }: ShownProps) {
  const [hasDeleted, setHasDeleted] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const mayCurate = useMay('curate');
  const toggle = (id: number): void => setChosen((old) => old.symmetricDifference(new Set([id])));
  const contacts = evidence.contacts.filter(({ deletedAt }) => hasDeleted || deletedAt === null);
  const deleted =
    evidence.contacts.length - evidence.contacts.filter(({ deletedAt }) => deletedAt === null).length;
  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          Each contact is a row that was stored once. A line says which identifier joined two of them, and
          when.
        </Text>
        {deleted > 0 && (
          <Switch
            label={`With ${deleted} deleted`}
            checked={hasDeleted}
            onChange={(event) => setHasDeleted(event.currentTarget.checked)}
          />
        )}
      </Group>
      {contacts.length > 1 && (
        <Suspense fallback={<Skeleton h={360} />}>
          <EvidenceGraph
            contacts={contacts}
            edges={evidence.edges}
            chosen={chosen}
            onToggle={mayCurate ? toggle : null}
          />
        </Suspense>
      )}
      {mayCurate && contacts.length > 1 && (
        <Group>
          <Button
            size="xs"
            disabled={chosen.size === 0 || chosen.size >= contacts.length}
            renderRoot={(props) => (
              <Link
                to="/identities/$id/split"
                params={{ id: String(contactId) }}
                search={{ contacts: [...chosen].join(',') }}
                {...props}
              />
            )}
          >
            {chosen.size === 0 ? 'Choose contacts to split them off' : `Split off ${chosen.size}…`}
          </Button>
        </Group>
      )}
      <EvidenceTable
        contacts={contacts}
        edges={evidence.edges}
        chosen={chosen}
        onToggle={mayCurate ? toggle : null}
      />
      <Why contactId={contactId} />
    </Stack>
  );
}

interface PickingProps {
  readonly contacts: readonly Contact[];
  readonly edges: readonly Edge[];
  readonly chosen: ReadonlySet<number>;
  /** null: nothing can be chosen. */
  readonly onToggle: ((id: number) => void) | null;
}

const PER_PAGE = 50;

function EvidenceTable({ contacts, edges, chosen, onToggle }: PickingProps) {
  const [page, setPage] = useState(1);
  // each contact but the first attached to one that was there: by its last edge in the list
  const reasons = Map.groupBy(edges, ({ from, to }) => Math.max(from, to));
  return (
    <>
      <Table.ScrollContainer minWidth={560}>
        <Table verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              {onToggle !== null && <ChoiceHeader />}
              <Table.Th>Contact</Table.Th>
              <Table.Th>Identifiers</Table.Th>
              <Table.Th>Since</Table.Th>
              <Table.Th>Why it is here</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {contacts.slice((page - 1) * PER_PAGE, page * PER_PAGE).map((contact) => (
              <Table.Tr key={contact.id}>
                {onToggle !== null && (
                  <Table.Td>
                    {contact.deletedAt === null && (
                      <Checkbox
                        aria-label={`Choose contact ${contact.id}`}
                        checked={chosen.has(contact.id)}
                        onChange={() => onToggle(contact.id)}
                      />
                    )}
                  </Table.Td>
                )}
                <Table.Td>
                  {contact.id}{' '}
                  {contact.deletedAt !== null && (
                    <Badge color="gray" variant="outline" c="var(--mantine-color-text)">
                      deleted
                    </Badge>
                  )}
                </Table.Td>
                <Table.Td>
                  {valuesOfContact(contact).map(({ kind, value }) => (
                    <Text key={kind} size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                      {value}
                    </Text>
                  ))}
                </Table.Td>
                <Table.Td>
                  <Moment at={contact.createdAt} />
                </Table.Td>
                <Table.Td>
                  {reasons
                    .get(contact.id)
                    ?.map((edge) => (
                      <EdgeText key={edge.from + ':' + edge.to} edge={edge} of={contact.id} />
                    )) ?? <Text size="sm">It is the first one.</Text>}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {contacts.length > PER_PAGE && (
        <Pagination
          total={Math.ceil(contacts.length / PER_PAGE)}
          value={page}
          onChange={setPage}
          getControlProps={(control) => ({ 'aria-label': `${control} page` })}
          getItemProps={(number) => ({ 'aria-label': `Page ${number}` })}
        />
      )}
    </>
  );
}

export function valuesOfContact({ email, phoneNumber, identifiers = {} }: Contact): Identifier[] {
  return [
    { kind: 'email', value: email },
    { kind: 'phoneNumber', value: phoneNumber },
    ...Object.entries(identifiers).map(([kind, value]) => ({ kind, value })),
  ].filter((each): each is Identifier => each.value !== null);
}

/** What an edge says, from the side of one of its contacts. */
export function EdgeText({ edge, of }: { readonly edge: Edge; readonly of?: number }) {
  const { from, to, type, identifiers, cause, mergeId, at, assumed } = edge;
  const other = of === from ? to : from;
  const values = identifiers.map(valueText).join(' and ');
  return (
    <Text size="sm" component="div">
      {type === 'shared' ? `Shares ${values} with contact ${other}` : mergeText(cause, values, other)}
      {assumed && ' (worked out later)'}
      <Text span size="xs" c="dimmed">
        {' '}
        <Moment at={at} />
        {mergeId !== undefined && `, merge ${mergeId}`}
      </Text>
    </Text>
  );
}

function mergeText(cause: Edge['cause'] = 'sighting', values: string, other: number): string {
  const texts: Record<typeof cause, string> = {
    sighting: `${values} came together and joined it with contact ${other}`,
    manual: `Merged by hand with contact ${other}`,
    review: `Merged with contact ${other} after a review of ${values}`,
    renormalised: `Has a value of contact ${other} in another spelling`,
    kept: `Stays with contact ${other}, though what joined them has left`,
  };
  return texts[cause];
}

/** Why any two contacts are one person, or what keeps them apart. */
function Why({ contactId }: { readonly contactId: number }) {
  const { to } = identityRoute.useSearch();
  const navigate = identityRoute.useNavigate();
  const query = useQuery({
    queryKey: ['why', contactId, to],
    enabled: to !== undefined,
    queryFn: async () => (await api.getEvidence({ path: { id: contactId }, query: { to: Number(to) } })).data,
  });
  return (
    <Stack gap="xs" component="section" aria-label="Why">
      <NumberInput
        size="xs"
        maw={320}
        label={`Why is contact ${contactId} the same person as contact …?`}
        hideControls
        allowDecimal={false}
        min={1}
        value={to ?? ''}
        onChange={(value) =>
          void navigate({
            search: (old) => ({ ...old, to: value === '' ? undefined : String(value) }),
            replace: true,
          })
        }
      />
      {to !== undefined && (
        <Loaded query={query}>
          {(answer) =>
            'path' in answer ? (
              <Alert color="green" title="One person">
                <ol>
                  {answer.path.map((edge) => (
                    <li key={edge.from + ':' + edge.to}>
                      Contact {edge.from}: <EdgeText edge={edge} of={edge.from} />
                    </li>
                  ))}
                </ol>
              </Alert>
            ) : 'rules' in answer ? (
              <Alert color="yellow" title="Two people">
                {answer.rules.length === 0 && answer.undoneMerges.length === 0
                  ? 'Nothing joins them, and nothing keeps them apart.'
                  : `${answer.rules.length} rules and ${answer.undoneMerges.length} undone merges lie between them.`}
              </Alert>
            ) : null
          }
        </Loaded>
      )}
    </Stack>
  );
}

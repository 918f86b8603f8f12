import {
  Alert,
  Badge,
  Button,
  Checkbox,
  Group,
  NumberInput,
  Pagination,
  Stack,
  Switch,
  Table,
  Text,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useDeferredValue, useMemo, useState } from 'react';
import type { Contact, Edge, Evidence } from '../../clients/typescript/src/index.js';
import { api, valueText } from './api.js';
import { MAX_CHOSEN, useChosen } from './chosen.js';
import { edgeText } from './edge-text.js';
import { evidenceQuery } from './evidence-query.js';
import type { EvidenceGraph as Graph } from './evidence-graph.js';
import { branchesOf, valuesOfContact } from './evidence-tree.js';
import { ChoiceHeader, Loaded, Moment } from './parts.js';
import { identityRoute } from './router.js';
import { useMay } from './session.js';

/** Why the contacts are one person: as a picture, and as a table with the same content. */
export function EvidenceTab({ contactId }: { readonly contactId: number }) {
  const query = useQuery(evidenceQuery(contactId));
  return <Loaded query={query}>{(shown) => <Shown contactId={contactId} {...shown} />}</Loaded>;
}

interface ShownProps {
  readonly contactId: number;
  readonly evidence: Evidence;
  readonly EvidenceGraph: typeof Graph;
}

function Shown({ contactId, evidence, EvidenceGraph }: ShownProps) {
  const [hasDeleted, setHasDeleted] = useState(false);
  const [chosen, toggle] = useChosenContacts(evidence);
  const branches = useMemo(() => branchesOf(evidence, hasDeleted), [evidence, hasDeleted]);
  const rows = useMemo(() => {
    const edges = new Map(branches.map(({ contact, edge }) => [contact.id, edge]));
    return evidence.contacts.flatMap((contact) => {
      const edge = edges.get(contact.id);
      return edge === undefined ? [] : [{ contact, edge }];
    });
  }, [evidence, branches]);
  // the picture first
  const laterRows = useDeferredValue(rows, NO_ROWS);
  const deleted = useMemo(
    () => evidence.contacts.filter(({ deletedAt }) => deletedAt !== null).length,
    [evidence],
  );
  const why = useWhy(contactId);
  const way = why.query.data !== undefined && 'path' in why.query.data ? why.query.data.path : NO_EDGES;
  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          Each contact is a row that was stored once. A line says which identifier joined two of them.
        </Text>
        {deleted > 0 && (
          <Switch
            label={`With ${deleted} deleted`}
            checked={hasDeleted}
            onChange={(event) => setHasDeleted(event.currentTarget.checked)}
          />
        )}
      </Group>
      {branches.length > 1 && (
        <>
          <EvidenceGraph branches={branches} chosen={chosen} onToggle={toggle} way={way} />
          <ChoiceActions contactId={contactId} chosen={chosen} contacts={rows.length} />
        </>
      )}
      <Why contactId={contactId} why={why} />
      <EvidenceTable rows={laterRows} chosen={chosen} onToggle={toggle} />
    </Stack>
  );
}

/** Which live contacts are chosen, and what chooses one. */
function useChosenContacts({ contacts }: Evidence) {
  const [chosen, toggle] = useChosen();
  const live = useMemo(
    () => new Set(contacts.flatMap(({ id, deletedAt }) => (deletedAt === null ? [id] : []))),
    [contacts],
  );
  return [useMemo(() => chosen.intersection(live), [chosen, live]), toggle] as const;
}

const NO_EDGES: readonly Edge[] = [];
const NO_ROWS: TableProps['rows'] = [];

interface ChoiceActionsProps {
  readonly contactId: number;
  readonly chosen: ReadonlySet<number>;
  readonly contacts: number;
}

/** What can be done with the contacts that are chosen in the picture or in the table. */
function ChoiceActions({ contactId, chosen, contacts }: ChoiceActionsProps) {
  const navigate = identityRoute.useNavigate();
  const mayCurate = useMay('curate');
  const [from, to] = [...chosen].toSorted((a, b) => a - b).map(String);
  return (
    <Group gap="xs">
      <Button
        size="xs"
        variant="default"
        disabled={chosen.size !== 2}
        onClick={() => void navigate({ search: (old) => ({ ...old, from, to }), resetScroll: false })}
      >
        {chosen.size === 2 ? `Why are ${from} and ${to} one person?` : 'Choose two to see why they are one'}
      </Button>
      {mayCurate && (
        <Button
          size="xs"
          variant="default"
          disabled={chosen.size === 0 || chosen.size >= contacts}
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
      )}
      {chosen.size >= MAX_CHOSEN && (
        <Text size="sm" role="status">
          No more than {MAX_CHOSEN} can be chosen at once.
        </Text>
      )}
    </Group>
  );
}

interface TableProps {
  /** With the edge by which each contact came; null: the first one. */
  readonly rows: readonly { readonly contact: Contact; readonly edge: Edge | null }[];
  readonly chosen: ReadonlySet<number>;
  readonly onToggle: (id: number) => void;
}

const PER_PAGE = 50;

function EvidenceTable({ rows, chosen, onToggle }: TableProps) {
  const [page, setPage] = useState(1);
  const pages = Math.ceil(rows.length / PER_PAGE);
  // there are fewer without those that were deleted
  const current = Math.min(page, pages);
  return (
    <>
      <Table.ScrollContainer minWidth={560}>
        <Table verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <ChoiceHeader />
              <Table.Th>Contact</Table.Th>
              <Table.Th>Identifiers</Table.Th>
              <Table.Th>Since</Table.Th>
              <Table.Th>Why it is here</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.slice((current - 1) * PER_PAGE, current * PER_PAGE).map(({ contact, edge }) => (
              <Table.Tr key={contact.id}>
                <Table.Td>
                  {contact.deletedAt === null && (
                    <Checkbox
                      aria-label={`Choose contact ${contact.id}`}
                      checked={chosen.has(contact.id)}
                      disabled={chosen.size >= MAX_CHOSEN && !chosen.has(contact.id)}
                      onChange={() => onToggle(contact.id)}
                    />
                  )}
                </Table.Td>
                <Table.Td>
                  {contact.id}{' '}
                  {contact.deletedAt !== null && (
                    <Badge color="gray" variant="outline" c="var(--mantine-color-text)" tt="none">
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
                  {edge === null ? (
                    <Text size="sm">It is the first one.</Text>
                  ) : (
                    <EdgeText edge={edge} of={contact.id} />
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {pages > 1 && (
        <Pagination
          total={pages}
          value={current}
          onChange={setPage}
          getControlProps={(control) => ({ 'aria-label': `${control} page` })}
          getItemProps={(number) => ({ 'aria-label': `Page ${number}` })}
        />
      )}
    </>
  );
}

/** What an edge says, from the side of one of its contacts, and when. */
function EdgeText({ edge, of }: { readonly edge: Edge; readonly of: number }) {
  return (
    <Text size="sm" span>
      {edgeText(edge, of)}
      <Text span size="xs" c="dimmed">
        {' '}
        <Moment at={edge.at} />
        {edge.mergeId !== undefined && `, merge ${edge.mergeId}`}
      </Text>
    </Text>
  );
}

function useWhy(contactId: number) {
  const { from = String(contactId), to } = identityRoute.useSearch();
  const query = useQuery({
    queryKey: ['why', from, to],
    enabled: to !== undefined,
    queryFn: async () =>
      (await api.getEvidence({ path: { id: Number(from) }, query: { to: Number(to) } })).data,
  });
  return { from, to, query };
}

interface WhyProps {
  readonly contactId: number;
  readonly why: ReturnType<typeof useWhy>;
}

/** Why any two contacts are one person, or what keeps them apart. */
function Why({ contactId, why: { from, to, query } }: WhyProps) {
  const navigate = identityRoute.useNavigate();
  const ask = (change: { readonly from?: string; readonly to?: string }): void =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false });
  return (
    <Stack gap="xs" component="section" aria-label="Why">
      <Group align="flex-end" gap="xs">
        <NumberInput
          size="xs"
          w={170}
          label="Why is contact"
          hideControls
          allowDecimal={false}
          allowNegative={false}
          min={1}
          value={from}
          onChange={(value) => ask({ from: idOf(value) ?? String(contactId) })}
        />
        <NumberInput
          size="xs"
          w={170}
          label="the same person as"
          placeholder="id of a contact"
          hideControls
          allowDecimal={false}
          allowNegative={false}
          min={1}
          value={to ?? ''}
          onChange={(value) => ask({ to: idOf(value) })}
        />
      </Group>
      {to !== undefined && <Loaded query={query}>{(answer) => <Answer answer={answer} />}</Loaded>}
    </Stack>
  );
}

function idOf(value: number | string): string | undefined {
  return value === '' ? undefined : String(value);
}

type WhyAnswer = NonNullable<ReturnType<typeof useWhy>['query']['data']>;

function Answer({ answer }: { readonly answer: WhyAnswer }) {
  if ('path' in answer) {
    const { path, contacts } = answer;
    return (
      <Alert color="green" title="One person">
        {path.length === 0 && <Text size="sm">It is the same contact.</Text>}
        <ol className="steps">
          {path.map((edge, i) => (
            <li key={edge.from + ':' + edge.to}>
              Contact {contacts[i]!.id}: <EdgeText edge={edge} of={contacts[i]!.id} />
            </li>
          ))}
        </ol>
      </Alert>
    );
  }
  if (!('rules' in answer)) {
    return null;
  }
  const { rules, undoneMerges } = answer;
  return (
    <Alert color="yellow" title="Two people">
      {rules.length + undoneMerges.length === 0 && (
        <Text size="sm">Nothing joins them, and nothing keeps them apart.</Text>
      )}
      {rules.map(({ id, identifiers: [one, other] }) => (
        <Text key={id} size="sm">
          Rule {id}: {valueText(one)} is somebody else than {valueText(other)}.
        </Text>
      ))}
      {undoneMerges.map(({ id, undone }) => (
        <Text key={id} size="sm">
          Merge {id} was undone
          {undone !== null && (
            <>
              {' '}
              on <Moment at={undone.at} />
            </>
          )}
          .
        </Text>
      ))}
    </Alert>
  );
}

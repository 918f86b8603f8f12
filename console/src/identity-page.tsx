import { Badge, Button, Group, Paper, SimpleGrid, Stack, Tabs, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';
import type { Identity } from '../../clients/typescript/src/index.js';
import { api, kindName, valuesOf } from './api.js';
import { AsOf } from './as-of.js';
import { evidenceQuery } from './evidence-query.js';
import { EvidenceTab } from './evidence-tab.js';
import { HistoryTab, MergesTab, RulesTab } from './identity-tabs.js';
import { Loaded, ValueText } from './parts.js';
import { remember } from './recent.js';
import { identityRoute, type Tab } from './router.js';
import { useMay, useSession } from './session.js';

/** One person: who it is today or was at a moment, why, and what happened. */
export function IdentityPage() {
  const { id } = identityRoute.useParams();
  // one by one, so that choosing contacts draws none of this anew
  const at = identityRoute.useSearch({ select: (search) => search.at });
  const tab = identityRoute.useSearch({ select: (search) => search.tab ?? 'evidence' });
  const navigate = identityRoute.useNavigate();
  const query = useQuery({
    queryKey: ['contact', id, at],
    queryFn: async () => (await api.getContact({ path: { id: Number(id) }, query: { at } })).data.contact,
    // another moment of the same person comes in its place
    placeholderData: (old, oldQuery) => (oldQuery?.queryKey[1] === id ? old : undefined),
  });
  // read beside the rest, though it is shown below it
  useQuery({ ...evidenceQuery(Number(id)), enabled: tab === 'evidence', notifyOnChangeProps: [] });
  const session = useSession();
  const primaryId = query.data?.primaryContactId;
  useEffect(() => {
    if (primaryId !== undefined) {
      remember(session, primaryId);
    }
  }, [session, primaryId]);
  return (
    <Stack>
      {!query.isSuccess && (
        <Title order={1} size="h2">
          Person {id}
        </Title>
      )}
      {query.isError && at !== undefined && (
        <Group>
          <Button size="xs" variant="default" onClick={() => void navigate({ search: { tab } })}>
            Show today
          </Button>
        </Group>
      )}
      <Loaded query={query}>
        {(identity) => (
          <>
            <Summary id={Number(id)} at={at} identity={identity} />
            <Details id={Number(id)} tab={tab} />
          </>
        )}
      </Loaded>
    </Stack>
  );
}

interface DetailsProps {
  readonly id: number;
  readonly tab: Tab;
}

/** Why it is one person, and what has happened to it. */
function Details({ id, tab }: DetailsProps) {
  const navigate = identityRoute.useNavigate();
  const go = (value: string | null): void =>
    void navigate({ search: (old) => ({ ...old, tab: value as Tab }) });
  return (
    <Tabs value={tab} onChange={go} keepMounted={false}>
      <Tabs.List>
        <Tabs.Tab value="evidence">Evidence</Tabs.Tab>
        <Tabs.Tab value="history">History</Tabs.Tab>
        <Tabs.Tab value="merges">Merges</Tabs.Tab>
        <Tabs.Tab value="rules">Rules</Tabs.Tab>
      </Tabs.List>
      <TabPanel value="evidence">
        <EvidenceTab contactId={id} />
      </TabPanel>
      <TabPanel value="history">
        <HistoryTab contactId={id} />
      </TabPanel>
      <TabPanel value="merges">
        <MergesTab contactId={id} />
      </TabPanel>
      <TabPanel value="rules">
        <RulesTab contactId={id} />
      </TabPanel>
    </Tabs>
  );
}

function TabPanel({ value, children }: { readonly value: Tab; readonly children: ReactNode }) {
  return (
    <Tabs.Panel value={value} pt="md">
      {children}
    </Tabs.Panel>
  );
}

interface SummaryProps {
  readonly id: number;
  readonly at: string | undefined;
  readonly identity: Identity;
}

function Summary({ id, at, identity }: SummaryProps) {
  const { primaryContactId: primary, secondaryContactIds } = identity;
  return (
    <>
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={1} size="h2">
            Person {primary}
          </Title>
          <Text c="dimmed" size="sm">
            {(secondaryContactIds.length + 1).toLocaleString()}{' '}
            {secondaryContactIds.length === 0 ? 'contact' : 'contacts'}
            {id !== primary && `; contact ${id} is one of them`}
          </Text>
        </div>
        <Actions id={primary} />
      </Group>
      <AsOf id={id} at={at} contacts={secondaryContactIds.length + 1} />
      <Values id={primary} identity={identity} isPast={at !== undefined} />
    </>
  );
}

function Actions({ id }: { readonly id: number }) {
  const may = { curate: useMay('curate'), erase: useMay('erase') };
  return (
    <Group gap="xs">
      {may.curate && (
        <Button
          size="xs"
          variant="default"
          renderRoot={(props) => <Link to="/merge" search={{ ids: String(id) }} {...props} />}
        >
          Merge with…
        </Button>
      )}
      {may.erase && (
        <Button
          size="xs"
          variant="default"
          renderRoot={(props) => <Link to="/privacy" search={{ contact: String(id) }} {...props} />}
        >
          Privacy…
        </Button>
      )}
    </Group>
  );
}

interface ValuesProps {
  readonly id: number;
  readonly identity: Identity;
  readonly isPast: boolean;
}

const SHOWN_OF_A_KIND = 20;

function Values({ id, identity, isPast }: ValuesProps) {
  const mayCurate = useMay('curate') && !isPast;
  const byKind = Map.groupBy(valuesOf(identity), ({ kind }) => kind);
  const isDivisible = valuesOf(identity).length > 1;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {[...byKind].map(([kind, values]) => (
        <Paper key={kind} withBorder p="sm" component="section" aria-label={kindName(kind)}>
          <Group justify="space-between" mb="xs">
            <Text fw={600} className="kind">
              {kindName(kind)}
            </Text>
            <Badge variant="light" color="gray" c="var(--mantine-color-text)">
              {values.length.toLocaleString()}
            </Badge>
          </Group>
          <Stack gap={6}>
            {values.slice(0, SHOWN_OF_A_KIND).map(({ value }) => (
              <Group key={value} justify="space-between" align="flex-start" gap="xs" wrap="nowrap">
                <ValueText value={value} />
                {mayCurate && isDivisible && (
                  <Link
                    to="/identities/$id/split"
                    params={{ id: String(id) }}
                    search={{ kind, value }}
                    aria-label={`Take out ${value}`}
                  >
                    <Text size="sm" style={{ whiteSpace: 'nowrap' }}>
                      Take out…
                    </Text>
                  </Link>
                )}
              </Group>
            ))}
            {values.length > SHOWN_OF_A_KIND && (
              <Text size="sm" c="dimmed">
                and {(values.length - SHOWN_OF_A_KIND).toLocaleString()} more, in the table below
              </Text>
            )}
          </Stack>
        </Paper>
      ))}
    </SimpleGrid>
  );
}

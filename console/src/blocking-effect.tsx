import { SimpleGrid, Stack, Text } from '@mantine/core';
import type {
  BlockedValueChange,
  BlockedValueRequest,
  Identity,
} from '../../clients/typescript/src/index.js';
import { api } from './api.js';
import { Side } from './change-panel.js';

/** What is to be blocked: a value, or a preset. */
export type Blocking = Omit<BlockedValueRequest, 'reason'>;

/** What the service says that a block would do. */
export interface BlockingPlan {
  readonly change: BlockedValueChange;
  readonly etag: string;
  /** Who has the value now; of a glob and a preset nobody is named. */
  readonly now: readonly Identity[];
}

/** Asks what blocking would do. A dry run records no reason. */
export async function previewBlocking(blocking: Blocking): Promise<BlockingPlan> {
  const { data, response } = await api.blockValue({
    body: { ...blocking, reason: 'dry run' },
    query: { dryRun: true },
  });
  const { kind, pattern } = data.blockedValue;
  const isOneValue = data.blockedValues === undefined && !pattern.includes('*');
  const now =
    isOneValue && data.identitiesAffected > 0
      ? (await api.lookUp({ body: lookupOf(kind, pattern) })).data.identities.map(({ contact }) => contact)
      : [];
  return { change: data, etag: response.headers.get('etag') ?? '', now };
}

function lookupOf(kind: string, value: string) {
  if (kind === 'email') {
    return { email: value };
  }
  return kind === 'phoneNumber' ? { phoneNumber: value } : { identifiers: { [kind]: value } };
}

interface Props {
  readonly existing: Blocking['existing'];
  readonly plan: BlockingPlan;
}

/** What a block would do: whom it concerns, and who they would be afterwards. */
export function BlockingEffect({ existing, plan: { change, now } }: Props) {
  const { identities, identitiesAfterwards = now.length } = change;
  return (
    <Stack gap="xs">
      <Text size="sm" role="status">
        {summaryOf(change, existing)}
      </Text>
      {now.length > 0 && (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <Side title="Now" people={now} />
          <Side
            title="Afterwards"
            count={identitiesAfterwards}
            people={existing === 'keep' ? now : (identities ?? []).map(({ contact }) => contact)}
          />
        </SimpleGrid>
      )}
    </Stack>
  );
}

function summaryOf(
  { changed, blockedValues, identitiesAffected: count }: BlockedValueChange,
  existing: Blocking['existing'],
): string {
  const people = count === 0 ? 'Nobody has' : count === 1 ? 'One person has' : `${count} people have`;
  const what = blockedValues === undefined ? 'it' : `one of these ${blockedValues.length} values`;
  const effect = existing === 'keep' ? 'They keep it' : 'They lose it';
  return [
    ...(changed ? [] : ['It is blocked already.']),
    `${people} ${what}.`,
    ...(count === 0 ? [] : [`${effect}, and nobody joins by it any more.`]),
  ].join(' ');
}

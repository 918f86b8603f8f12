import {
  Button,
  Center,
  Code,
  CopyButton,
  Group,
  Skeleton,
  Stack,
  Table,
  Text,
  VisuallyHidden,
} from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { isPassing, ProblemView } from './problem.js';

interface MomentProps {
  readonly at: string;
  /** With the second. */
  readonly isPrecise?: boolean;
}

/** A moment in the reader's time zone; pointing at it shows it in UTC. */
export function Moment({ at, isPrecise = false }: MomentProps) {
  return (
    <time dateTime={at} title={`${at.replace('T', ' ').replace('Z', '')} UTC`}>
      {momentText(at, isPrecise)}
    </time>
  );
}

// making one takes longer than the rest of a row
const MOMENTS = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const PRECISE_MOMENTS = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A moment in the reader's time zone. */
export function momentText(at: string, isPrecise = false): string {
  return (isPrecise ? PRECISE_MOMENTS : MOMENTS).format(new Date(at));
}

/** A value with a button that copies it. */
export function ValueText({ value }: { readonly value: string }) {
  return (
    <Group gap={6} wrap="nowrap">
      <Text component="span" size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
        {value}
      </Text>
      <Copy text={value} />
    </Group>
  );
}

function Copy({ text }: { readonly text: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button size="compact-xs" variant="subtle" flex="none" onClick={copy} aria-label={`Copy ${text}`}>
          {copied ? 'copied' : 'copy'}
        </Button>
      )}
    </CopyButton>
  );
}

interface LoadedProps<T> {
  readonly query: UseQueryResult<T>;
  readonly children: (data: T) => ReactNode;
}

/**
 * What a query answered; a placeholder of about its height before, and the problem if it failed.
 *
 * What was read before stays if only the service or the network fails for a while, because people may be in the middle of their work
 * on it.
 */
export function Loaded<T>({ query, children }: LoadedProps<T>) {
  if (query.isPending) {
    return (
      <Stack role="status" aria-label="Loading">
        <Skeleton h={28} w="40%" />
        <Skeleton h={140} />
      </Stack>
    );
  }
  // the button that reads more tells of its own failure
  const isAboutMore = 'isFetchNextPageError' in query && query.isFetchNextPageError === true;
  const { data, error } = query;
  const isKept = data !== undefined && (error === null || isAboutMore || isPassing(error));
  return (
    <>
      {error !== null && !isAboutMore && <ProblemView error={error} onRetry={() => void query.refetch()} />}
      {isKept && children(data)}
    </>
  );
}

interface MoreProps {
  readonly query: {
    readonly error: unknown;
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    readonly isFetchNextPageError: boolean;
    readonly fetchNextPage: () => Promise<unknown>;
  };
  readonly label: string;
}

/** Reads the next page of a list, if there is one. */
export function More({ query, label }: MoreProps) {
  return (
    query.hasNextPage && (
      <>
        {query.isFetchNextPageError && <ProblemView error={query.error} />}
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {label}
        </Button>
      </>
    )
  );
}

/** The head of a column of boxes to tick. */
export function ChoiceHeader() {
  return (
    <Table.Th w={40}>
      <VisuallyHidden>Chosen</VisuallyHidden>
    </Table.Th>
  );
}

export function Nothing({ children }: { readonly children: ReactNode }) {
  return (
    <Center p="xl">
      <Text c="dimmed" ta="center">
        {children}
      </Text>
    </Center>
  );
}

export function Keys({ children }: { readonly children: ReactNode }) {
  return <Code>{children}</Code>;
}

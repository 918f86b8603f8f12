import { Badge, Button, Code, Collapse, CopyButton, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { useId } from 'react';
import type { Event } from '../../clients/typescript/src/index.js';
import { causeText, sentenceOf, typeName } from './events-words.js';
import { Moment } from './parts.js';
import { useMay } from './session.js';

/** Events in the given order, each in words, with ways to what it is about. */
export function EventList({ events }: { readonly events: readonly Event[] }) {
  return (
    <ul className="rows">
      {events.map((event) => (
        <EventRow key={event.id} event={event} />
      ))}
    </ul>
  );
}

function EventRow({ event }: { readonly event: Event }) {
  const [isOpen, { toggle }] = useDisclosure(false);
  const id = useId();
  const sentence = sentenceOf(event);
  return (
    <li>
      <Group justify="space-between" align="flex-start" gap="xs">
        <Stack gap={2} flex="1 1 280px">
          <Text size="sm" fw={600}>
            {sentence}
          </Text>
          <Text size="sm" c="dimmed">
            <Moment at={event.time} isPrecise />, {causeText(event)} <Targets event={event} />
          </Text>
        </Stack>
        <Group gap="xs">
          <Badge variant="light" tt="none">
            {typeName(event.type)}
          </Badge>
          <Button
            size="compact-xs"
            variant="default"
            aria-expanded={isOpen}
            aria-controls={id}
            aria-label={`CloudEvent ${event.id}: ${sentence}`}
            onClick={toggle}
          >
            CloudEvent
          </Button>
        </Group>
      </Group>
      <Collapse id={id} expanded={isOpen}>
        {isOpen && <Raw event={event} />}
      </Collapse>
    </li>
  );
}

/** The event as programs get it. */
function Raw({ event }: { readonly event: Event }) {
  const text = JSON.stringify(event, null, 2);
  return (
    <Stack gap="xs" mt="xs" align="flex-start">
      <Code block w="100%" className="wrapped">
        {text}
      </Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button size="compact-xs" variant="default" onClick={copy}>
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}

/** Links to the people, the merge, the change and the review that an event is about. */
function Targets({ event: { type, data } }: { readonly event: Event }) {
  const mayRead = useMay('read');
  if (!mayRead) {
    return null;
  }
  if ('reviewId' in data) {
    const search = {
      review: String(data.reviewId),
      ...(data.decision !== undefined && { state: 'decided' as const }),
    };
    return (
      <>
        ·{' '}
        <Link to="/reviews" search={search}>
          Review {data.reviewId}
        </Link>
      </>
    );
  }
  const people = [data.primaryContactId, data.partedPrimaryContactId].filter(
    (id): id is number => typeof id === 'number',
  );
  return (
    <>
      {people.map((id) => (
        <span key={id}>
          ·{' '}
          <Link to="/identities/$id" params={{ id: String(id) }}>
            Person {id}
          </Link>{' '}
        </span>
      ))}
      {data.mergeId !== undefined && people[0] !== undefined && (
        <>
          ·{' '}
          <Link to="/identities/$id" params={{ id: String(people[0]) }} search={{ tab: 'merges' }}>
            {type === 'identity.split' ? 'Undone merge' : 'Merge'} {data.mergeId}
          </Link>{' '}
        </>
      )}
      {data.changeId !== undefined && people[0] !== undefined && (
        <>
          ·{' '}
          <Link to="/identities/$id" params={{ id: String(people[0]) }} search={{ tab: 'history' }}>
            Who made change {data.changeId}, and why
          </Link>
        </>
      )}
    </>
  );
}

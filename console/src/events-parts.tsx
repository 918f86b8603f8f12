import { Group, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

/** The head of the pages about events, with the ways between them. */
export function EventsTitle({ children }: { readonly children: ReactNode }) {
  return (
    <Group justify="space-between" gap="sm">
      <Title order={1} size="h2">
        {children}
      </Title>
      <Group className="nav" component="nav" aria-label="Pages about events" gap={4}>
        <Link to="/events" activeOptions={{ exact: true, includeSearch: false }}>
          Feed
        </Link>
        <Link to="/events/webhooks">Webhooks</Link>
      </Group>
    </Group>
  );
}

import {
  Alert,
  Anchor,
  Button,
  Container,
  Group,
  SegmentedControl,
  Text,
  useMantineColorScheme,
  type MantineColorScheme,
} from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, Navigate, Outlet, useLocation } from '@tanstack/react-router';
import { signOut } from './api.js';
import { ProblemView } from './problem.js';
import { forget } from './recent.js';
import { endSession, useMay, useSession } from './session.js';

/** What surrounds every page: where to go, who is signed in, light or dark. */
export function Layout() {
  const { authMode } = useSession();
  const may = {
    read: useMay('read'),
    curate: useMay('curate'),
    erase: useMay('erase'),
    events: useMay('events'),
    admin: useMay('admin'),
  };
  return (
    <>
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          // what follows the # is the state of the page
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to the page
      </a>
      <Container component="header" size="xl" py="sm">
        <Group justify="space-between" gap="sm">
          <Group className="nav" component="nav" aria-label="Pages" gap={4}>
            {may.read && <Link to="/">Search</Link>}
            {may.read && <Link to="/reviews">Reviews</Link>}
            {may.read && <Link to="/suspicious">Suspicious</Link>}
            {may.read && <Link to="/policy">Policy</Link>}
            {may.erase && <Link to="/privacy">Privacy</Link>}
            {may.events && <Link to="/events">Events</Link>}
            {may.curate && <Link to="/audit">Audit</Link>}
            {may.admin && <Link to="/keys">Keys</Link>}
          </Group>
          <Group gap="sm">
            <Scheme />
            <Who />
          </Group>
        </Group>
        {authMode === 'none' && (
          <Alert color="yellow" mt="sm" p="xs">
            <Text size="sm">
              Nobody has to sign in: whoever reaches this address can read and change everything (
              <code>AUTH_MODE=none</code>).
            </Text>
          </Alert>
        )}
      </Container>
      <Container component="main" id="main" size="xl" pb="xl" tabIndex={-1}>
        <Pages />
      </Container>
    </>
  );
}

/** The page of the address. Who may read nobody begins with the events. */
function Pages() {
  const { pathname } = useLocation();
  const may = { read: useMay('read'), events: useMay('events') };
  return pathname === '/' && !may.read && may.events ? <Navigate to="/events" replace /> : <Outlet />;
}

function Who() {
  const session = useSession();
  const { authMode, key, tenant } = session;
  const queries = useQueryClient();
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      forget(session);
      endSession(queries);
    },
  });
  if (authMode === 'none') {
    return (
      <Anchor href="/docs" size="sm" underline="always">
        API
      </Anchor>
    );
  }
  return (
    <Group gap="xs">
      <Text size="sm">
        {key?.name} · {tenant}
      </Text>
      <Button size="compact-sm" variant="default" loading={leave.isPending} onClick={() => leave.mutate()}>
        Sign out
      </Button>
      {leave.isError && (
        <>
          <Text size="sm">You are still signed in.</Text>
          <ProblemView error={leave.error} />
        </>
      )}
    </Group>
  );
}

const SCHEMES = [
  { value: 'auto', label: 'System' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

function Scheme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      aria-label="Colours"
      data={SCHEMES}
      value={colorScheme}
      onChange={(value) => setColorScheme(value as MantineColorScheme)}
    />
  );
}

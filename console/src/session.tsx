import {
  Alert,
  Anchor,
  Button,
  Center,
  Loader,
  Paper,
  PasswordInput,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { createContext, use, useState, type FormEvent, type ReactNode } from 'react';
import { readSession, signIn, type Session } from './api.js';
import { ProblemView } from './problem.js';

const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  return use(SessionContext)!;
}

/** Whether the key may do what needs a scope. What it may not is not offered; the service would refuse it anyhow. */
export function useMay(
  scope: 'identify' | 'read' | 'curate' | 'delete' | 'erase' | 'events' | 'admin',
): boolean {
  return useSession().scopes.includes(scope);
}

/** Leads back to the key. */
export function endSession(queries: QueryClient): void {
  queries.setQueryData(['session'], null);
  forgetAll(queries);
}

/** Whoever signs in next may be of another tenant, and must see nothing of what was read before. */
function forgetAll(queries: QueryClient): void {
  queries.removeQueries({ predicate: ({ queryKey: [first] }) => first !== 'session' });
}

/** Shows the console to who is signed in, and asks everybody else for a key. */
export function SessionGate({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const session = useQuery({
    queryKey: ['session'],
    queryFn: async () => {
      const [old, now] = [queries.getQueryData<Session | null>(['session']), await readSession()];
      if (old?.key?.id !== now?.key?.id) {
        forgetAll(queries);
      }
      return now;
    },
    staleTime: Infinity,
    retry: 3,
    // Another window of the browser may have signed out, or somebody else in.
    refetchOnWindowFocus: 'always',
  });
  if (session.isPending) {
    return (
      <Center mih="60vh">
        <Loader aria-label="Loading" />
      </Center>
    );
  }
  if (session.data === undefined) {
    return (
      <Center mih="60vh" p="md">
        <ProblemView error={session.error} onRetry={() => void session.refetch()} />
      </Center>
    );
  }
  return session.data === null ? (
    <SignIn />
  ) : (
    <SessionContext key={session.data.key?.id} value={session.data}>
      {children}
    </SessionContext>
  );
}

function SignIn() {
  const queries = useQueryClient();
  const [key, setKey] = useState('');
  const login = useMutation({
    mutationFn: async () => {
      await signIn(key);
      const session = await readSession();
      queries.setQueryData(['session'], session);
      return session;
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    login.mutate();
  };
  return (
    <Center component="main" mih="80vh" p="md">
      <Paper component="form" onSubmit={submit} withBorder p="xl" w="100%" maw={440}>
        <Stack>
          <Title order={1} size="h2">
            Identity console
          </Title>
          <PasswordInput
            label="API key"
            description="The browser does not keep it. The session ends after eight hours, or half an hour without use."
            placeholder="idr_…"
            required
            autoFocus
            autoComplete="off"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
          />
          {login.isError && <ProblemView error={login.error} />}
          {login.data === null && (
            <Alert color="orange" title="The browser did not keep the session" role="alert">
              It keeps sessions only over HTTPS, and on localhost. Open the console over one of these.
            </Alert>
          )}
          <Button type="submit" loading={login.isPending}>
            Sign in
          </Button>
          <Text size="sm" c="dimmed">
            An operator makes keys with <code>npm run cli -- keys create</code>. The console offers what your
            key may do. The{' '}
            <Anchor href="/docs" inherit underline="always">
              pages about the API
            </Anchor>{' '}
            need no key.
          </Text>
        </Stack>
      </Paper>
    </Center>
  );
}

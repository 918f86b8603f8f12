import '@mantine/core/styles.css';
import './main.css';
import { createTheme, MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ProblemError } from '../../clients/typescript/src/index.js';
import { router } from './router.js';
import { SessionGate } from './session.js';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // the client repeats what is worth it
      retry: false,
      staleTime: 5_000,
    },
  },
});
// A session may end in the middle of the work.
queries.getQueryCache().subscribe(({ type, query }) => {
  const { error } = query.state;
  if (type === 'updated' && error instanceof ProblemError && error.status === 401) {
    queries.setQueryData(['session'], null);
  }
});

const theme = createTheme({
  primaryColor: 'blue',
  primaryShade: 8,
  autoContrast: true,
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
});
const nonce = document.querySelector<HTMLElement>('meta[property="csp-nonce"]')?.nonce ?? '';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={queries}>
        <SessionGate>
          <RouterProvider router={router} />
        </SessionGate>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);

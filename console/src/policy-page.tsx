import { Alert, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from './api.js';
import { BlockedValues } from './blocked-values.js';
import { AS_READ } from './change-panel.js';
import { Loaded } from './parts.js';
import { PolicyForm } from './policy-form.js';

/** What may link: limits, kinds of identifiers, and values that link nobody. */
export function PolicyPage() {
  const [isSaved, setIsSaved] = useState(false);
  const query = useQuery({
    queryKey: ['policy'],
    queryFn: async () => {
      const { data, response } = await api.getPolicy();
      return { policy: data, etag: response.headers.get('etag') ?? '' };
    },
    // or what is typed would be gone
    ...AS_READ,
  });
  return (
    <Stack gap="xl">
      <Title order={1} size="h2">
        Policy
      </Title>
      <Loaded query={query}>
        {({ policy, etag }) => (
          <>
            <Stack>
              <PolicyForm
                key={etag}
                policy={policy}
                etag={etag}
                onChange={() => setIsSaved(false)}
                onSave={() => setIsSaved(true)}
              />
              {isSaved && (
                <Alert color="green" role="status" p="xs">
                  Saved. It is in force everywhere within five seconds.
                </Alert>
              )}
            </Stack>
            <BlockedValues kinds={policy.kinds} />
          </>
        )}
      </Loaded>
    </Stack>
  );
}

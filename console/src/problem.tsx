import { Alert, Button, Code, List, Stack, Text } from '@mantine/core';
import { ProblemError } from '../../clients/typescript/src/index.js';
import { valueText } from './api.js';

const SHOWN_RULES = 10;

interface Props {
  readonly error: unknown;
  readonly onRetry?: () => void;
}

/** What went wrong, in the words of the service, with the id that finds the call in its log. */
export function ProblemView({ error, onRetry }: Props) {
  const problem = error instanceof ProblemError ? error.problem : null;
  return (
    <Alert color="red" title={problem?.title ?? 'The service did not answer'} role="alert" w="100%">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{problem?.detail ?? 'Look at the network, and try again.'}</Text>
        {problem?.errors !== undefined && (
          <List size="sm">
            {problem.errors.map(({ field, message }) => (
              <List.Item key={field + message}>{message}</List.Item>
            ))}
          </List>
        )}
        {problem?.rules !== undefined && (
          <List size="sm">
            {problem.rules.slice(0, SHOWN_RULES).map(({ id, identifiers: [one, other], reason }) => (
              <List.Item key={id}>
                {valueText(one)} and {valueText(other)}
                {reason !== null && `: ${reason}`}
              </List.Item>
            ))}
          </List>
        )}
        {problem !== null && (
          <Text size="xs">
            Request <Code>{problem.requestId}</Code>
          </Text>
        )}
        {onRetry !== undefined && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** Whether the service may answer in a moment: then what it has told before still counts. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof ProblemError) || error.status === 429 || error.status >= 500;
}

export function isProblem(error: unknown, slug: string): boolean {
  return error instanceof ProblemError && error.type === `urn:problem:${slug}`;
}

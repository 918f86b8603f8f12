import { Alert, Badge, Button, Code, CopyButton, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Delivery, Webhook } from '../../clients/typescript/src/index.js';
import { Moment } from './parts.js';
import { isProblem, ProblemView } from './problem.js';

interface OnceShownProps {
  readonly title: string;
  readonly secret: string;
  readonly children?: ReactNode;
}

/** A secret that nobody can see again. */
export function OnceShown({ title, secret, children }: OnceShownProps) {
  return (
    <Alert color="green" title={title} role="status">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">
          This is the secret that deliveries are signed with. Give it to the receiver now: it is not shown
          again. {children}
        </Text>
        <Code block className="wrapped">
          {secret}
        </Code>
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button size="xs" onClick={copy}>
              {copied ? 'Copied' : 'Copy the secret'}
            </Button>
          )}
        </CopyButton>
      </Stack>
    </Alert>
  );
}

/** What an operator has to do before it can be done, or the problem as the service tells it. */
export function Refusal({ error }: { readonly error: unknown }) {
  const isUnconfigured = isProblem(error, 'webhooks-not-configured');
  return (
    <>
      <ProblemView error={error} />
      {(isUnconfigured || isProblem(error, 'webhook-key-mismatch')) && (
        <Text size="sm">
          {isUnconfigured
            ? 'Only an operator can change that: webhooks need a key that encrypts their secrets.'
            : 'Ask an operator for the key that it was made with. If that is lost, make a new secret.'}
        </Text>
      )}
    </>
  );
}

const OFF_BECAUSE: Readonly<Record<string, string>> = {
  manual: 'by hand',
  gone: 'because it answered 410',
  failing: 'because five days passed without a success',
};

/** Whether events are sent to it, and why not. */
export function WebhookState({ webhook }: { readonly webhook: Webhook }) {
  const { enabled, disabledReason, disabledAt, failingSince } = webhook;
  return (
    <Stack gap={2} align="flex-start">
      <Badge
        variant="light"
        tt="none"
        color={enabled ? (failingSince === null ? 'green' : 'orange') : 'gray'}
        c="var(--mantine-color-text)"
      >
        {enabled ? (failingSince === null ? 'on' : 'failing') : 'off'}
      </Badge>
      {!enabled && (
        <Text size="sm">
          {OFF_BECAUSE[disabledReason ?? ''] ?? disabledReason}
          {disabledAt !== null && (
            <>
              , since <Moment at={disabledAt} />
            </>
          )}
        </Text>
      )}
      {enabled && failingSince !== null && (
        <Text size="sm">
          no success since <Moment at={failingSince} />
        </Text>
      )}
    </Stack>
  );
}

const FAILURES: Readonly<Record<NonNullable<Delivery['lastFailure']>, string>> = {
  'address-refused': 'its address may not be called',
  'name-not-resolved': 'its name leads to no address',
  'connection-failed': 'no connection',
  'tls-failed': 'no secure connection; is its certificate valid?',
  timeout: 'it took too long',
  'secret-unreadable': 'its secret was encrypted with another WEBHOOK_KEY',
  'event-expired': 'the event is no longer kept',
};

/** Why there was no answer. */
export function failureText(failure: Delivery['lastFailure']): string {
  return failure === null ? 'none' : FAILURES[failure];
}

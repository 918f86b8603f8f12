import { Button, Group } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { ProblemView } from './problem.js';
import { ReasonField } from './reason-field.js';

interface Props {
  /** What opens it. */
  readonly opener: string;
  /** What does it. */
  readonly verb: string;
  /** What it is about, for who does not see where the button is. */
  readonly about: string;
  readonly end: (reason: string) => Promise<unknown>;
}

/** Ends something after it was said why: a button, and the field that it opens. */
export function EndWithReason({ opener, verb, about, end }: Props) {
  const queries = useQueryClient();
  const [isOpen, setIsOpen] = useState(false);
  const [reason, setReason] = useState('');
  const change = useMutation({
    mutationFn: () => end(reason.trim()),
    onSuccess: () => queries.invalidateQueries(),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  if (!isOpen) {
    return (
      <Button
        size="compact-xs"
        variant="default"
        aria-label={`${opener} ${about}`}
        onClick={() => setIsOpen(true)}
      >
        {opener}
      </Button>
    );
  }
  return (
    <Group component="form" align="flex-end" aria-label={`${verb}: ${about}`} onSubmit={submit}>
      <ReasonField required autoFocus value={reason} onChange={setReason} />
      <Button type="submit" color="red" disabled={reason.trim() === ''} loading={change.isPending}>
        {verb}
      </Button>
      <Button variant="default" onClick={() => setIsOpen(false)}>
        Cancel
      </Button>
      {change.isError && <ProblemView error={change.error} />}
    </Group>
  );
}

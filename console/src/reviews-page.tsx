import {
  Badge,
  Button,
  Checkbox,
  Group,
  Paper,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import type { Review } from '../../clients/typescript/src/index.js';
import { api, valueText } from './api.js';
import { PersonCard } from './change-panel.js';
import { MAX_CHOSEN, useChosen } from './chosen.js';
import { Keys, Loaded, Moment, More, Nothing } from './parts.js';
import { usePeople } from './people.js';
import { ProblemView } from './problem.js';
import { ReasonField } from './reason-field.js';
import { reviewsRoute } from './router.js';
import { useMay } from './session.js';

type Decision = 'link' | 'keep-apart';

/** Links that policy withheld: people decide whether two are one. */
export function ReviewsPage() {
  const { state = 'open' } = reviewsRoute.useSearch();
  const navigate = reviewsRoute.useNavigate();
  const query = useInfiniteQuery({
    queryKey: ['reviews', state],
    queryFn: async ({ pageParam }) =>
      (await api.listReviews({ query: { state, after: pageParam, limit: 50 } })).data,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1} size="h2">
          Reviews
        </Title>
        <SegmentedControl
          aria-label="Which reviews"
          data={[
            { value: 'open', label: 'Open' },
            { value: 'decided', label: 'Decided' },
          ]}
          value={state}
          onChange={(value) => void navigate({ search: { state: value === 'decided' ? value : undefined } })}
        />
      </Group>
      <Loaded query={query}>
        {({ pages }) => {
          const reviews = pages.flatMap((page) => page.reviews);
          return (
            <>
              {reviews.length === 0 ? (
                <Nothing>
                  {state === 'open' ? 'Nothing waits for a decision.' : 'Nothing was decided yet.'}
                </Nothing>
              ) : (
                <Queue reviews={reviews} />
              )}
              <More query={query} label="Show more" />
            </>
          );
        }}
      </Loaded>
    </Stack>
  );
}

function Queue({ reviews }: { readonly reviews: readonly Review[] }) {
  const { review: current } = reviewsRoute.useSearch();
  const navigate = reviewsRoute.useNavigate();
  const mayCurate = useMay('curate');
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [kept, toggle] = useChosen();
  // what was decided meanwhile is in the address still
  const chosen = reviews.filter(({ id, state }) => state === 'open' && kept.has(id));
  const reasonField = useRef<HTMLInputElement>(null);
  const place = reviews.findIndex(({ id }) => String(id) === current);
  const index = Math.max(0, place);
  const isOpen = reviews[index]!.state === 'open';
  const decide = useMutation({
    mutationFn: async ({
      ids,
      decision,
    }: {
      readonly ids: readonly number[];
      readonly decision: Decision;
    }) => {
      // one after the other: each is a decision of its own, and a later one may rest on an earlier one
      for (const id of ids) {
        await api.decideReview({ path: { id }, body: { decision, reason: reason.trim() } });
      }
    },
    onSuccess: (_, { ids: decided }) => {
      const next = [...reviews.slice(index), ...reviews.slice(0, index).toReversed()].find(
        ({ id }) => !decided.includes(id),
      );
      return navigate({ search: { review: next && String(next.id) }, replace: true });
    },
    onSettled: () => queries.invalidateQueries(),
  });
  const move = (by: number): void => {
    const next = reviews[Math.min(reviews.length - 1, Math.max(0, index + by))]!;
    void navigate({ search: (old) => ({ ...old, review: String(next.id) }), replace: true });
  };
  const ids = (chosen.length > 0 ? chosen : [reviews[index]!]).map(({ id }) => id);
  const submit = (decision: Decision): void => {
    if (reason.trim() === '') {
      reasonField.current?.focus();
    } else if (mayCurate && isOpen && !decide.isPending) {
      decide.mutate({ ids, decision });
    }
  };
  useHotkeys(
    [
      ['j', unlessTyping(() => move(1)), BY_ITSELF],
      ['k', unlessTyping(() => move(-1)), BY_ITSELF],
      ['l', unlessTyping(() => submit('link')), BY_ITSELF],
      ['a', unlessTyping(() => submit('keep-apart')), BY_ITSELF],
    ],
    // also on a box to tick
    ['TEXTAREA', 'SELECT'],
  );
  return (
    <Stack>
      {current !== undefined && place === -1 && !decide.isPending && (
        <Text size="sm" role="status">
          Review {current} is not in this list: it is in the other one, or further below.
        </Text>
      )}
      {mayCurate && isOpen && (
        <Paper withBorder p="sm">
          <Group align="flex-end">
            <ReasonField ref={reasonField} required miw={260} value={reason} onChange={setReason} />
            <Button loading={decide.isPending} onClick={() => submit('link')}>
              Link{chosen.length > 0 && ` ${chosen.length}`}
            </Button>
            <Button variant="default" loading={decide.isPending} onClick={() => submit('keep-apart')}>
              Keep apart{chosen.length > 0 && ` ${chosen.length}`}
            </Button>
            <Text size="sm" c="dimmed">
              <Keys>j</Keys> next <Keys>k</Keys> previous <Keys>l</Keys> link <Keys>a</Keys> keep apart
            </Text>
          </Group>
          {decide.isError && <ProblemView error={decide.error} />}
        </Paper>
      )}
      {reviews.map((review, i) => (
        <ReviewCard
          key={review.id}
          review={review}
          isCurrent={i === index}
          isChosen={kept.has(review.id)}
          isFull={kept.size >= MAX_CHOSEN}
          onChoose={mayCurate && isOpen ? () => toggle(review.id) : null}
        />
      ))}
    </Stack>
  );
}

/** The key is not kept from a field. */
const BY_ITSELF = { preventDefault: false } as const;

function unlessTyping(act: () => void): (event: KeyboardEvent) => void {
  return (event) => {
    if (!(event.target instanceof HTMLInputElement && event.target.type === 'text')) {
      // or the letter gets into the field that it leads to
      event.preventDefault();
      act();
    }
  };
}

interface CardProps {
  readonly review: Review;
  readonly isCurrent: boolean;
  readonly isChosen: boolean;
  /** Whether no more can be chosen. */
  readonly isFull: boolean;
  readonly onChoose: (() => void) | null;
}

function ReviewCard({ review, isCurrent, isChosen, isFull, onChoose }: CardProps) {
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isCurrent) {
      card.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [isCurrent]);
  const [strong, weak] = review.identifiers;
  return (
    <Paper
      ref={card}
      withBorder
      p="sm"
      component="article"
      aria-current={isCurrent}
      aria-label={`Review ${review.id}`}
      style={isCurrent ? { outline: '2px solid var(--mantine-color-blue-filled)' } : undefined}
    >
      <Stack gap="xs">
        <Group justify="space-between">
          <Group gap="xs">
            {onChoose !== null && (
              <Checkbox
                aria-label={`Choose review ${review.id}`}
                checked={isChosen}
                disabled={isFull && !isChosen}
                onChange={onChoose}
              />
            )}
            <Text fw={600}>
              {valueText(strong)} came with {valueText(weak)}
            </Text>
          </Group>
          <Badge variant="light" tt="none">
            {stateOf(review)}
          </Badge>
        </Group>
        <Text size="sm" c="dimmed">
          Review {review.id}, first seen <Moment at={review.createdAt} />
        </Text>
        {isCurrent && <Sides contactIds={review.contactIds} />}
      </Stack>
    </Paper>
  );
}

function stateOf({ decision, reason }: Review): string {
  if (decision !== null) {
    return decision === 'link' ? 'linked' : 'kept apart';
  }
  return reason === 'limit' ? 'above a limit' : 'a rule lies between';
}

function Sides({ contactIds }: { readonly contactIds: readonly number[] }) {
  const query = usePeople(contactIds);
  return (
    <Loaded query={query}>
      {(people) => (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          {people.map((person) => (
            <div key={person.primaryContactId}>
              <PersonCard person={person} />
              <Link to="/identities/$id" params={{ id: String(person.primaryContactId) }}>
                Evidence of person {person.primaryContactId}
              </Link>
            </div>
          ))}
          {people.length < 2 && (
            <Text c="dimmed">
              {contactIds.length < 2 ? 'Nobody holds the other identifier yet.' : 'Both are one person.'}
            </Text>
          )}
        </SimpleGrid>
      )}
    </Loaded>
  );
}

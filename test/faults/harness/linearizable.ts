import { isDeepStrictEqual } from 'node:util';
import type { ShownIdentity, IdentifyBody } from '../../support/wire.js';
import { Oracle } from '../../support/oracle.js';

export type Call =
  | { readonly kind: 'identify'; readonly sighting: IdentifyBody }
  | { readonly kind: 'find'; readonly id: number }
  | { readonly kind: 'delete'; readonly id: number };

/** A call as its caller saw it, on a clock that ticks with every event. */
export interface Event {
  readonly call: Call;
  /** An identity; null: not found; true or false: whether there was something to delete. */
  readonly answer: ShownIdentity | null | boolean;
  readonly startedAt: number;
  /** Infinity: there was no answer, and the call may take effect at any time after its start, or never. */
  readonly answeredAt: number;
}

/** A contact as the database stored it. Which call made it is for the search to find out. */
export interface StoredContact extends IdentifyBody {
  readonly id: number;
  readonly createdAt: number;
}

/**
 * Finds an order of the calls in which, one at a time, each gets the answer it got, and in which no call comes before one
 * that was answered before it began. Null: there is none, so the service did something that no single caller could
 * explain.
 *
 * The search of Wing and Gong ("Testing and verifying concurrent objects", 1993): take any call that may come first, ask
 * the oracle what it would have answered, go on if that is what was answered, and step back otherwise. States that led
 * nowhere before, in whatever order they were reached, are not searched twice (Lowe 2017).
 */
export function linearization(
  events: readonly Event[],
  stored: readonly StoredContact[],
): readonly Event[] | null {
  const deadEnds = new Set<string>();

  function search(order: readonly Event[]): readonly Event[] | null {
    const left = events.filter((event) => !order.includes(event));
    if (left.every(({ answeredAt }) => answeredAt === Infinity)) {
      return order;
    }
    const latestStart = Math.min(...left.map(({ answeredAt }) => answeredAt));
    for (const event of left.filter(({ startedAt }) => startedAt < latestStart)) {
      const state = replay([...order, event], stored);
      const key = state && `${events.map((each) => left.includes(each) && each !== event).join()} ${state}`;
      const found = key === null || deadEnds.has(key) ? null : search([...order, event]);
      if (found !== null) {
        return found;
      }
      if (key !== null) {
        deadEnds.add(key);
      }
    }
    return null;
  }

  return search([]);
}

/** What the calls leave in this order, in words; null if the last of them would have been answered otherwise. */
function replay(order: readonly Event[], stored: readonly StoredContact[]): string | null {
  const unused = stored.toSorted((one, other) => one.createdAt - other.createdAt || one.id - other.id);
  let isImpossible = false;
  let answered: Event['answer'] = null;
  const oracle = new Oracle((_, { email, phoneNumber }) => {
    // A call may have drawn the time of its contact, and made it only after another one like it was made and deleted.
    const row = unused.find(
      (each) =>
        each.email === email &&
        each.phoneNumber === phoneNumber &&
        (answered === null || idsOf(answered).includes(each.id)),
    );
    if (row === undefined) {
      isImpossible = true;
      return { id: 0, createdAt: 0 };
    }
    unused.splice(unused.indexOf(row), 1);
    return row;
  });
  let answer: Event['answer'] = null;
  for (const { call, answer: told } of order) {
    answered = told;
    answer = perform(oracle, call);
  }
  const last = order.at(-1);
  const isAsAnswered =
    last === undefined || last.answeredAt === Infinity || isDeepStrictEqual(answer, last.answer);
  return isAsAnswered && !isImpossible ? JSON.stringify(oracle.contacts) : null;
}

/** The contacts that an answer shows. */
function idsOf(answer: Event['answer']): readonly number[] {
  return typeof answer === 'object' && answer !== null
    ? [answer.primaryContactId, ...answer.secondaryContactIds]
    : [];
}

function perform(oracle: Oracle, call: Call): Event['answer'] {
  if (call.kind === 'identify') {
    return oracle.identify(call.sighting);
  }
  return call.kind === 'find' ? oracle.find(call.id) : oracle.delete(call.id);
}

import type { Identity, IdentityView, Snapshot } from '../domain/contact.js';
import { reconcile, type Answer } from '../domain/reconcile.js';
import { withRealIds, type Writes } from '../domain/writes.js';
import type { Decision } from '../decision-writer.js';
import { IdentifiersBlockedError } from '../identity.errors.js';
import type { Drawn } from '../store/write-queries.js';
import type { Call } from './call.js';

/** A call whose identity another writer holds or has just changed. */
export interface Contested<C extends Call> {
  readonly call: C;
  /** The primary of that identity, or the provisional id of the contact that the call would have created. */
  readonly primaryId: number;
}

/** Calls that were decided together, in order, and the answer of each. */
export class DecidedCalls<C extends Call> implements Decision {
  readonly writes: Writes;
  private readonly answers: readonly Answer[];
  private readonly identities: readonly Identity[];

  private constructor(
    private readonly calls: readonly C[],
    snapshot: Snapshot,
  ) {
    const { answers, writes } = reconcile(
      snapshot,
      calls.map(({ sighting }) => sighting),
    );
    this.answers = answers;
    this.writes = writes;
    this.identities = snapshot.identities;
  }

  /** Decides on calls and answers none. Those that have ended take no part. */
  static on<C extends Call>(calls: readonly C[], snapshot: Snapshot): DecidedCalls<C> {
    return new DecidedCalls(
      calls.filter(({ isEnded }) => !isEnded),
      snapshot,
    );
  }

  /** Answers the calls whose answer is already true, because it rests only on stored rows. */
  answerKnown(): void {
    this.calls.forEach((call, i) => this.answers[i]!.awaitsWrite || answer(call, this.answers[i]!));
  }

  /** Answers all calls, once the decision is written. */
  answerAll({ freshIds, reviewIds }: Drawn): void {
    this.calls.forEach((call, i) => {
      if (!call.isEnded) {
        const { view, ignored } = this.answers[i]!;
        answer(call, { view: view && withRealIds(view, freshIds, reviewIds), ignored });
      }
    });
  }

  /** The unanswered calls that rest on one of these contacts; if that is not known, all unanswered calls. */
  contestedBy(contactIds: readonly number[]): Contested<C>[] {
    const primaryOf = this.primariesByContact(contactIds);
    const open = this.calls.flatMap((call, i) =>
      call.isEnded ? [] : [{ call, view: this.answers[i]!.view! }],
    );
    const contested = open.flatMap(({ call, view }) => {
      const at = contactsOf(view).find((id) => primaryOf.has(id));
      return at === undefined ? [] : [{ call, primaryId: primaryOf.get(at)! }];
    });
    return contested.length > 0
      ? contested
      : open.map(({ call, view }) => ({ call, primaryId: view.primaryContactId }));
  }

  /** The live contacts of the identities that have one of the contacts, each with its primary. */
  private primariesByContact(contactIds: readonly number[]): Map<number, number> {
    const wanted = new Set(contactIds);
    return new Map(
      this.identities
        .filter(({ rows }) => rows.some(({ id }) => wanted.has(id)))
        .flatMap(({ primaryId, rows }) =>
          rows.filter(({ isDeleted }) => !isDeleted).map(({ id }) => [id, primaryId] as const),
        ),
    );
  }
}

function answer(
  call: Call,
  { view, ignored }: { readonly view: IdentityView | null; readonly ignored?: Answer['ignored'] | undefined },
): void {
  if (view === null) {
    call.fail(new IdentifiersBlockedError(ignored ?? []));
  } else {
    call.answer(view);
  }
}

function contactsOf({ primaryContactId, secondaryContactIds }: IdentityView): number[] {
  return [primaryContactId, ...secondaryContactIds];
}

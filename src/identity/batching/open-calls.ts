import type { Selection } from '../store/contact.repository.js';
import type { Identity, IdentityView, Sighting } from '../domain/contact.js';
import { reconcile } from '../domain/reconcile.js';
import { withRealIds, type Writes } from '../domain/writes.js';

/** A sighting, and where its answer goes. */
export interface Call {
  readonly sighting: Sighting;
  readonly answer: (view: IdentityView) => void;
}

/** A call whose identity another writer holds or has just changed. */
export interface Contested<C extends Call> {
  readonly call: C;
  /** The primary of that identity, or of what the call would have made: a provisional id then. */
  readonly primaryId: number;
}

/** Calls that are decided together and not answered yet. */
export class OpenCalls<C extends Call> {
  private identities: readonly Identity[] = [];
  private views: readonly IdentityView[] = [];

  constructor(
    private readonly tenantId: number,
    private calls: readonly C[],
  ) {}

  get isEmpty(): boolean {
    return this.calls.length === 0;
  }

  get selection(): Selection {
    return { tenantId: this.tenantId, sightings: this.calls.map(({ sighting }) => sighting) };
  }

  /** Decides, and answers those calls whose answer is true already. */
  decide(identities: readonly Identity[]): Writes {
    const { answers, writes } = reconcile(
      identities,
      this.calls.map(({ sighting }) => sighting),
    );
    this.calls.forEach(({ answer }, i) => answers[i]!.awaitsWrite || answer(answers[i]!.view));
    this.calls = this.calls.filter((_, i) => answers[i]!.awaitsWrite);
    this.views = answers.flatMap(({ awaitsWrite, view }) => (awaitsWrite ? [view] : []));
    this.identities = identities;
    return writes;
  }

  /** Answers the others, once their decision is written. */
  answer(freshIds: readonly number[]): void {
    this.calls.forEach(({ answer }, i) => answer(withRealIds(this.views[i]!, freshIds)));
    this.calls = [];
  }

  /** Takes out the calls that rest on one of these contacts; all, if it is none of them that is known to. */
  takeContested(contactIds: readonly number[]): Contested<C>[] {
    const primaryOf = this.primariesByContact(contactIds);
    const primaryIds = this.views.map((view) => {
      const ids = [view.primaryContactId, ...view.secondaryContactIds];
      return primaryOf.get(ids.find((id) => primaryOf.has(id)) ?? 0) ?? null;
    });
    const isNobodys = primaryIds.every((primaryId) => primaryId === null);
    const contested = this.calls.flatMap((call, i) => {
      const primaryId = isNobodys ? this.views[i]!.primaryContactId : primaryIds[i]!;
      return primaryId === null ? [] : [{ call, primaryId }];
    });
    this.calls = this.calls.filter((_, i) => !isNobodys && primaryIds[i] === null);
    return contested;
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

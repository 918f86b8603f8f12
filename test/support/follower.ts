/** What of an event says who is one with whom, as it is in its `data`. */
export interface Followed {
  readonly type: string;
  readonly data: {
    readonly reviewId?: number;
    readonly primaryContactId?: number | null;
    readonly previousPrimaryContactId?: number;
    readonly contactIds?: readonly number[];
    readonly mergedIds?: readonly number[];
    readonly partedIds?: readonly number[];
    readonly partedPrimaryContactId?: number;
  };
}

/** Who is one with whom, as somebody knows who only follows the events. */
export class Follower {
  private readonly primaryOf = new Map<number, number>();
  private readonly membersOf = new Map<number, Set<number>>();

  /** @param known by contact, its primary at first */
  constructor(known: Iterable<readonly [contactId: number, primaryId: number]> = []) {
    for (const [contactId, primaryId] of known) {
      this.put(contactId, primaryId);
    }
  }

  follow({ type, data }: Followed): void {
    const { primaryContactId: primary = null, contactIds = [], partedIds = [] } = data;
    if (type.startsWith('review.')) {
      return;
    }
    if (type === 'contact.deleted' || type === 'identity.erased') {
      contactIds.forEach((id) => this.drop(id));
    }
    for (const former of [data.previousPrimaryContactId, ...(data.mergedIds ?? [])]) {
      if (former !== undefined && primary !== null) {
        this.move([...(this.membersOf.get(former) ?? [])], primary);
      }
    }
    if (type !== 'contact.deleted' && type !== 'identity.erased' && primary !== null) {
      this.move(contactIds, primary);
    }
    if (data.partedPrimaryContactId !== undefined) {
      this.move(partedIds, data.partedPrimaryContactId);
    }
  }

  /** By contact, its primary; the lowest contact first. */
  get partition(): [contactId: number, primaryId: number][] {
    return [...this.primaryOf].toSorted(([a], [b]) => a - b);
  }

  private move(contactIds: readonly number[], primaryId: number): void {
    contactIds.forEach((id) => this.put(id, primaryId));
  }

  private put(contactId: number, primaryId: number): void {
    this.drop(contactId);
    this.primaryOf.set(contactId, primaryId);
    const members = this.membersOf.get(primaryId) ?? new Set();
    this.membersOf.set(primaryId, members.add(contactId));
  }

  private drop(contactId: number): void {
    const primaryId = this.primaryOf.get(contactId);
    if (primaryId !== undefined) {
      this.membersOf.get(primaryId)!.delete(contactId);
      this.primaryOf.delete(contactId);
    }
  }
}

import { LRUCache } from 'lru-cache';

/** A tenant is held back for so long at most after work of it was late or failed, unless other work of it ends in time. */
const HELD_BACK_MS = 30_000;
const HELD_BACK_MAX = 10_000;

interface Options {
  /** Works at once. */
  readonly atOnce: number;
  /** Work that takes longer is late, in ms. */
  readonly patienceMs: number;
  /** Works of tenants that are held back, at once. As much work again may be there that was late in a place of the others. */
  readonly aside: number;
  /** Those of one tenant, at once. */
  readonly asideOfOne: number;
}

/** Work that has a place. */
export interface Place {
  /** The database can't serve the work at the moment: others get the place, also if the work goes on. */
  readonly fail: () => void;
  /** The work has ended. */
  readonly leave: () => void;
}

interface Stay {
  readonly tenantId: number;
  readonly since: number;
  readonly onAside: () => void;
  isAside: boolean;
  isLate: boolean;
}

/**
 * Places for work, which tenants share, so that one whose rows are locked, slow or out of reach keeps none of them from others.
 *
 * Work that is late or fails gives its place to others, and its tenant is **held back**: it works aside, in few places of its
 * own, until some work of it ends in time. Who has the places for itself is never held back.
 */
export class TenantPlaces {
  private readonly stays = new Set<Stay>();
  private readonly heldBack = new LRUCache<number, true>({ max: HELD_BACK_MAX, ttl: HELD_BACK_MS });
  private firstTenantId: number | null = null;
  private isShared = false;
  private inside = 0;
  private aside = 0;

  constructor(private readonly options: Options) {}

  /** Those in the places that all share. */
  get taken(): number {
    return this.inside;
  }

  /** All, those aside included. */
  get size(): number {
    return this.stays.size;
  }

  /** Whether any tenant may be held back. */
  get holdsBackAny(): boolean {
    return this.heldBack.size > 0;
  }

  /** Notes that a tenant has work, before it takes a place or waits for one. */
  expect(tenantId: number): void {
    this.firstTenantId ??= tenantId;
    this.isShared ||= tenantId !== this.firstTenantId;
  }

  /** Whether a tenant must work aside. */
  holdsBack(tenantId: number): boolean {
    return this.heldBack.size > 0 && this.heldBack.has(tenantId);
  }

  /** Whether a tenant may begin some work now. */
  hasRoom(tenantId: number): boolean {
    const { atOnce, aside, asideOfOne } = this.options;
    if (!this.holdsBack(tenantId)) {
      return this.inside < atOnce;
    }
    const own = [...this.stays].filter((stay) => stay.tenantId === tenantId);
    return this.aside < aside && own.length < asideOfOne;
  }

  /** @param onAside called when it gives its place to others, at once if its tenant is held back */
  take(tenantId: number, onAside: () => void = () => undefined): Place {
    const isAside = this.holdsBack(tenantId);
    const stay: Stay = { tenantId, since: performance.now(), onAside, isAside, isLate: false };
    this.stays.add(stay);
    if (isAside) {
      this.aside++;
      onAside();
    } else {
      this.inside++;
    }
    return { fail: () => this.moveAside(stay), leave: () => this.end(stay) };
  }

  /** Gives the places of late work to others. To be called from time to time while somebody waits. */
  giveAwayLate(): void {
    for (const stay of this.stays) {
      if (this.isOver(stay)) {
        this.moveAside(stay);
      }
    }
  }

  private moveAside(stay: Stay): void {
    if (!this.isShared || !this.stays.has(stay)) {
      return;
    }
    stay.isLate = true;
    this.heldBack.set(stay.tenantId, true);
    if (!stay.isAside && this.aside < 2 * this.options.aside) {
      stay.isAside = true;
      this.inside--;
      this.aside++;
      stay.onAside();
    }
  }

  private end(stay: Stay): void {
    if (!this.stays.delete(stay)) {
      return;
    }
    if (stay.isAside) {
      this.aside--;
    } else {
      this.inside--;
    }
    if (!stay.isLate && !this.isOver(stay)) {
      this.heldBack.delete(stay.tenantId);
    }
  }

  private isOver({ since }: Stay): boolean {
    return performance.now() - since > this.options.patienceMs;
  }
}

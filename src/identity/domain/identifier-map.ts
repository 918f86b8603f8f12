import type { Identifier } from './contact.js';

/** A map whose keys are identifiers. */
export class IdentifierMap<T> {
  private readonly byKind = new Map<string, Map<string, T>>();

  get isEmpty(): boolean {
    return this.byKind.size === 0;
  }

  get({ kind, value }: Identifier): T | undefined {
    return this.byKind.get(kind)?.get(value);
  }

  has({ kind, value }: Identifier): boolean {
    return this.byKind.get(kind)?.has(value) === true;
  }

  /** Replaces the item that was set for the identifier, if any; it keeps its place. */
  set({ kind, value }: Identifier, item: T): void {
    const ofKind = this.byKind.get(kind);
    if (ofKind === undefined) {
      this.byKind.set(kind, new Map([[value, item]]));
    } else {
      ofKind.set(value, item);
    }
  }

  clear(): void {
    this.byKind.clear();
  }

  /** By kind, then in the order in which they were first set. */
  *items(): Generator<T> {
    for (const ofKind of this.byKind.values()) {
      yield* ofKind.values();
    }
  }
}

import type { Identifier, IdentityView } from './contact.js';

/** The view of an identity while contacts are added to it, each younger than all before it. */
export class GrowingView {
  private readonly primaryContactId: number;
  private readonly values: Map<string, string[]>;
  private readonly secondaryContactIds: number[];

  constructor({ primaryContactId, values, secondaryContactIds }: IdentityView) {
    this.primaryContactId = primaryContactId;
    this.values = new Map([...values].map(([kind, ofKind]) => [kind, [...ofKind]]));
    this.secondaryContactIds = [...secondaryContactIds];
  }

  /** @param news those of its identifiers that the identity did not have */
  add(contactId: number, news: readonly Identifier[]): void {
    this.secondaryContactIds.push(contactId);
    for (const { kind, value } of news) {
      const ofKind = this.values.get(kind);
      if (ofKind === undefined) {
        this.values.set(kind, [value]);
      } else {
        ofKind.push(value);
      }
    }
  }

  /**
   * The view as it is now, for later: it is copied only when it is asked for. The lists grow at their end, so it is enough to
   * remember how long they are.
   */
  moment(): () => IdentityView {
    const { primaryContactId, values, secondaryContactIds } = this;
    const lengths = [...values].map(([kind, { length }]) => [kind, length] as const);
    const count = secondaryContactIds.length;
    return () => ({
      primaryContactId,
      values: new Map(lengths.map(([kind, length]) => [kind, values.get(kind)!.slice(0, length)])),
      secondaryContactIds: secondaryContactIds.slice(0, count),
    });
  }
}

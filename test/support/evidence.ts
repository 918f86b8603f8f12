/** Two contacts that are one person because the one attached to the other, or because of a merge. */
export type Edge = readonly [contactId: number, contactId: number];

interface Linked {
  readonly id: number;
  readonly linkedId: number | null;
}

/**
 * What is wrong with the evidence of contacts, deleted ones included: the edges of each identity must be a tree over its
 * rows, and no edge may lead from one identity to another.
 */
export function evidenceFaults(rows: readonly Linked[], edges: readonly Edge[]): string[] {
  const primaryIds = new Map(rows.map(({ id, linkedId }) => [id, linkedId ?? id]));
  const leader = new Map<number, number>();
  const lead = (id: number): number => {
    let at = id;
    for (let next = leader.get(at); next !== undefined; next = leader.get(at)) {
      at = next;
    }
    return at;
  };
  const faults: string[] = [];
  for (const [one, other] of edges) {
    if (primaryIds.get(one) !== primaryIds.get(other)) {
      faults.push(`the edge ${one}-${other} leads from one identity to another`);
    }
    const [a, b] = [lead(one), lead(other)];
    if (a === b) {
      faults.push(`the edge ${one}-${other} closes a circle`);
    } else {
      leader.set(a, b);
    }
  }
  for (const [primaryId, members] of Map.groupBy(rows, ({ id, linkedId }) => linkedId ?? id)) {
    if (new Set(members.map(({ id }) => lead(id))).size > 1) {
      faults.push(`the evidence of identity ${primaryId} falls apart`);
    }
  }
  return faults;
}

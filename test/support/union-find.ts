import type { IdentifyBody } from './wire.js';

/** Which nodes are connected. Written apart from the service. */
export class UnionFind<T> {
  private readonly parents = new Map<T, T>();

  /** The node that stands for all that are connected with this one. */
  find(node: T): T {
    const up = this.parents.get(node);
    if (up === undefined || up === node) {
      this.parents.set(node, node);
      return node;
    }
    const root = this.find(up);
    this.parents.set(node, root);
    return root;
  }

  join(one: T, other: T): void {
    this.parents.set(this.find(one), this.find(other));
  }

  groups(): T[][] {
    return [...Map.groupBy([...this.parents.keys()], (node) => this.find(node)).values()];
  }
}

/**
 * The identities that a set of sightings must end in, whatever their order: the connected components of the graph
 * whose edges join the identifiers of one sighting. Written apart from the service, and by another method.
 */
export function closure(sightings: Iterable<IdentifyBody>): string[] {
  const connected = new UnionFind<string>();
  for (const { email, phoneNumber } of sightings) {
    const nodes = [email === null ? [] : `e:${email}`, phoneNumber === null ? [] : `p:${phoneNumber}`].flat();
    nodes.forEach((node) => connected.join(node, nodes[0]!));
  }
  return connected
    .groups()
    .map((nodes) => nodes.toSorted().join(' '))
    .toSorted();
}

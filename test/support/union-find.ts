import type { IdentifyBody } from './wire.js';

/**
 * The identities that a set of sightings must end in, whatever their order: the connected components of the graph
 * whose edges join the identifiers of one sighting. Written apart from the service, and by another method.
 */
export function closure(sightings: Iterable<IdentifyBody>): string[] {
  const parent = new Map<string, string>();
  const find = (node: string): string => {
    const up = parent.get(node);
    if (up === undefined || up === node) {
      parent.set(node, node);
      return node;
    }
    const root = find(up);
    parent.set(node, root);
    return root;
  };
  for (const { email, phoneNumber } of sightings) {
    const nodes = [email === null ? [] : `e:${email}`, phoneNumber === null ? [] : `p:${phoneNumber}`].flat();
    const [first, second] = nodes.map(find);
    if (first !== undefined && second !== undefined) {
      parent.set(first, second);
    }
  }
  const members = Map.groupBy(parent.keys(), find);
  return [...members.values()].map((nodes) => nodes.toSorted().join(' ')).toSorted();
}

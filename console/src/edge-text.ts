import type { Edge } from '../../clients/typescript/src/index.js';
import { valueText } from './api.js';

/** What an edge says, from the side of one of its contacts. */
export function edgeText({ from, to, type, identifiers, cause, assumed }: Edge, of: number): string {
  const other = of === from ? to : from;
  const values = identifiers.map(valueText).join(' and ');
  const text = type === 'shared' ? `Shares ${values} with contact ${other}` : mergeText(cause, values, other);
  return assumed ? `${text} (worked out later)` : text;
}

function mergeText(cause: Edge['cause'] = 'sighting', values: string, other: number): string {
  const texts: Record<typeof cause, string> = {
    sighting: `${values} came together and joined it with contact ${other}`,
    manual: `Merged by hand with contact ${other}`,
    review: `Merged with contact ${other} after a review of ${values}`,
    renormalised: `Has a value of contact ${other} in another spelling`,
    kept: `Stays with contact ${other}, though what joined them has left`,
  };
  return texts[cause];
}

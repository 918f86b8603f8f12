import type { Joining, Outcome } from '../../identity/domain/batch.js';
import type { Ignored } from '../../identity/domain/contact.js';
import type { Effect } from '../../identity/reconciliation.service.js';
import type { Step } from './identity-joiner.js';

/** A row that could not be joined with another one of its person, or with itself. */
export interface ApartRow {
  readonly line: number;
  /** The line of the row that it should have joined; its own: its values are kept apart from each other. */
  readonly from: number;
  readonly reason: ApartReason;
}

/** `gone`: nobody has the identifier any more that the other row is known by. */
export type ApartReason = Exclude<Joining, 'joined' | 'one'>;

/** What became of a row. */
export interface RowEffect {
  readonly outcome: Outcome;
  /** Why something of it was left out; empty: nothing was */
  readonly ignored: ReadonlySet<Ignored['reason']>;
  /** Whether it was joined because of the identity column */
  readonly isJoined: boolean;
  readonly apart: ApartRow | null;
}

/**
 * What became of a row, whose values may be several sightings.
 *
 * @param effects of its steps, in order
 */
export function effectOf(steps: readonly Step[], effects: readonly Effect[]): RowEffect {
  const { row } = steps[0]!;
  const at = effects.findIndex(({ joining }) => isApart(joining));
  return {
    outcome: effects.length === 1 ? effects[0]!.outcome : outcomeOf(steps, effects),
    ignored: new Set(effects.flatMap(({ ignored }) => ignored.map(({ reason }) => reason))),
    isJoined: steps.some((step, i) => isOfIdentity(step) && effects[i]!.joining === 'joined'),
    apart:
      at === -1
        ? null
        : { line: row.line, from: steps[at]!.joinsLine!, reason: effects[at]!.joining as ApartReason },
  };
}

function isApart(joining: Joining | null): boolean {
  return joining !== null && joining !== 'joined' && joining !== 'one';
}

/** Whether a step joins rows, not the values of one. */
function isOfIdentity({ row, joinsLine }: Step): boolean {
  return joinsLine !== null && joinsLine !== row.line;
}

/** As if the row were one sighting of all its values. */
function outcomeOf(steps: readonly Step[], effects: readonly Effect[]): Outcome {
  const used = effects.filter(({ outcome }) => outcome !== 'blocked');
  if (used.length === 0) {
    return 'blocked';
  }
  const known = effects.filter(
    ({ outcome, joining }, i) =>
      outcome === 'merged' || (joining === 'joined' && outcome !== 'created' && !isOfIdentity(steps[i]!)),
  ).length;
  const isNew = used[0]!.outcome === 'created';
  if (known > (isNew ? 1 : 0)) {
    return 'merged';
  }
  if (isNew && known === 0) {
    return 'created';
  }
  const isOnlyDated = used.every(({ outcome }) => outcome === 'unchanged' || outcome === 'dated');
  return isOnlyDated ? (used.find(({ outcome }) => outcome === 'dated')?.outcome ?? 'unchanged') : 'linked';
}

import type { KeptForm } from '../../identity/domain/old-form.js';
import { UNSEEN } from '../../identity/domain/normalise.js';
import { counted, inDigits } from '../amounts.js';
import type { RenormaliseResult } from './renormalise.js';

const WHY_KEPT: Readonly<Record<KeptForm['reason'], string>> = {
  blocked: 'blocked',
  'do-not-link': 'kept apart by a rule',
  limit: 'beyond a limit',
  rule: 'in a rule that would be about one identifier, or about two of one identity',
};

/** How many values stay as they are, or have no normal form. */
export function leftOver({ tally }: RenormaliseResult): number {
  return Object.values(tally.kept).reduce((sum, count) => sum + count, tally.refused);
}

/** The summary for people, without the values. */
export function renormaliseText(result: RenormaliseResult): string {
  const { isDryRun, isComplete, tally, found } = result;
  const would = isDryRun ? 'would get' : 'got';
  const title = isComplete ? (isDryRun ? 'Dry run' : 'Done') : 'Stopped';
  const { kept, refused } = tally;
  const reasons = (Object.keys(WHY_KEPT) as KeptForm['reason'][]).filter((reason) => kept[reason] > 0);
  const records = [
    ...(tally.blockedValues > 0 ? [counted(tally.blockedValues, 'blocked value')] : []),
    ...(tally.sightings > 0 ? [counted(tally.sightings, 'recorded sighting')] : []),
    ...(tally.reviews > 0 ? [counted(tally.reviews, 'review')] : []),
  ];
  const lines = [
    `${title}: ${inDigits(tally.identifiers)} identifiers looked at`,
    `  ${inDigits(tally.changed)} ${would} another normal form, on ${counted(tally.contacts, 'contact')}`,
    `  ${merged(tally.merges, isDryRun)}`,
    ...reasons.map(
      (reason) =>
        `  ${inDigits(kept[reason])} ${isDryRun ? 'would stay' : 'stay'} as they are: ${WHY_KEPT[reason]}`,
    ),
    ...(refused > 0
      ? [
          `  ${inDigits(refused)} have no normal form any more, because the service refuses them today; they stay as they are`,
        ]
      : []),
    ...(records.length > 0 ? [`  ${records.join(', ')} ${would} normal forms, too`] : []),
    ...(found.globs > 0 && tally.changed > 0
      ? [
          `  ${counted(found.globs, 'blocked glob')} of phone numbers stay: look whether they match what they should`,
        ]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

function merged(count: number, isDryRun: boolean): string {
  return count === 1
    ? `1 identity ${isDryRun ? 'would be' : 'was'} merged into another`
    : `${inDigits(count)} identities ${isDryRun ? 'would be' : 'were'} merged into others`;
}

/** The values that are named, as rows of a table. The first is the heading. */
export function namedValues({ isDryRun, found }: RenormaliseResult): string[][] {
  const { changed, kept, refused } = found;
  const rows = [
    ...changed.map(({ kind, value, to, isMerge }) => [kind, value, to, isMerge ? merges(isDryRun) : '']),
    ...kept.map(({ kind, value, to, reason }) => [kind, value, to, `stays: ${WHY_KEPT[reason]}`]),
    ...refused.map(({ kind, value, because }) => [kind, visible(value), '-', `stays: ${because}`]),
  ];
  return rows.length === 0 ? [] : [['KIND', 'STORED', 'NORMAL FORM', 'WHAT'], ...rows];
}

/** Characters that nobody sees are why most values are refused. */
function visible(value: string): string {
  return Array.from(value, (character) =>
    UNSEEN.test(character) ? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}` : character,
  ).join('');
}

function merges(isDryRun: boolean): string {
  return isDryRun ? 'would merge two identities' : 'merged two identities';
}

/** The summary for programs. */
export function renormaliseJson({
  tally,
  found,
  changeId,
  isDryRun,
  isComplete,
  seconds,
}: RenormaliseResult): string {
  return `${JSON.stringify({
    ...tally,
    globs: found.globs,
    values: {
      changed: found.changed.map(({ kind, value, to, isMerge }) => ({
        kind,
        value,
        normalForm: to,
        merge: isMerge,
      })),
      kept: found.kept.map(({ kind, value, to, reason }) => ({ kind, value, normalForm: to, reason })),
      refused: found.refused,
    },
    changeId,
    isDryRun,
    isComplete,
    seconds: Math.round(seconds * 1000) / 1000,
  })}\n`;
}

import type { HistoryEvent } from '../../clients/typescript/src/index.js';

/** What happened, in words. */
export function eventText({ type, contactIds: [first, second], mergeId }: HistoryEvent): string {
  const texts: Record<typeof type, string> = {
    created: `Contact ${first} was created`,
    linked: `Contact ${first} attached to contact ${second}`,
    merged: `Person ${second} was merged into ${first} (merge ${mergeId})`,
    'merge-undone': `Merge ${mergeId} was undone: ${first} and ${second} are two people`,
    split: `Person ${second} was split off ${first}`,
    'contact-deleted': `Contact ${first} was deleted`,
    erased: `An identifier of contact ${first} was erased`,
  };
  return texts[type];
}

import type { Event, IdentityEventData, ReviewEventData } from '../../clients/typescript/src/index.js';

/** What there is to hear of, in the order of the page, with the name of each. */
export const TYPE_NAMES: Readonly<Record<Event['type'], string>> = {
  'identity.created': 'New',
  'identity.updated': 'Updated',
  'identity.merged': 'Merged',
  'identity.split': 'Split',
  'contact.deleted': 'Deleted',
  'identity.erased': 'Erased',
  'review.opened': 'Review opened',
  'review.decided': 'Review decided',
};

/** The name of a type; null: its event is no longer kept. */
export function typeName(type: string | null): string {
  return type === null ? 'no longer kept' : (TYPE_NAMES[type as Event['type']] ?? type);
}

/** What an event says, in a sentence. */
export function sentenceOf({ type, data }: Event): string {
  return 'reviewId' in data ? reviewSentence(data) : identitySentence(type, data);
}

function reviewSentence({ reviewId, reason, decision }: ReviewEventData): string {
  if (decision !== undefined) {
    return `Review ${reviewId} was decided: ${decision === 'link' ? 'one person' : 'two people'}`;
  }
  const why = reason === 'limit' ? 'a limit' : 'a rule';
  return `Review ${reviewId} was opened: ${why} withheld a link`;
}

function identitySentence(type: string, data: IdentityEventData): string {
  const { primaryContactId: primary, previousPrimaryContactId: previous } = data;
  const contacts = contactsText(data.contactIds);
  const wasPrimary = previous === undefined ? '' : `; until then it was person ${previous}`;
  switch (type) {
    case 'identity.created':
      return `Person ${primary} is new`;
    case 'identity.merged':
      return `Person ${data.mergedIds?.join(' and ')} was merged into person ${primary}${wasPrimary}`;
    case 'identity.split':
      return `${contactsText(data.partedIds)} left person ${primary}, and ${data.partedIds?.length === 1 ? 'is' : 'are'} person ${data.partedPrimaryContactId} now${wasPrimary}`;
    case 'contact.deleted':
      return `${contacts || 'A contact'} of person ${previous ?? primary} ${wereOrWas(data)} deleted${remaining(data)}`;
    case 'identity.erased':
      return `${contacts || 'Identifiers'} of person ${previous ?? primary} ${contacts === '' ? 'were' : wereOrWas(data)} erased for good${remaining(data)}`;
    default:
      return contacts === ''
        ? `Person ${primary} shows other identifiers or another date${wasPrimary}`
        : `Person ${primary} has ${contacts.toLowerCase()} too${wasPrimary}`;
  }
}

function wereOrWas({ contactIds }: IdentityEventData): string {
  return contactIds?.length === 1 ? 'was' : 'were';
}

/** Who is left of it. */
function remaining({
  primaryContactId: primary,
  previousPrimaryContactId: previous,
}: IdentityEventData): string {
  if (primary === null) {
    return '; nobody is left';
  }
  return previous === undefined ? '' : `; the rest is person ${primary}`;
}

const NAMED_MAX = 5;

function contactsText(ids: readonly number[] = []): string {
  if (ids.length === 0) {
    return '';
  }
  const named = ids.slice(0, NAMED_MAX).join(', ');
  const rest = ids.length > NAMED_MAX ? ` and ${ids.length - NAMED_MAX} more` : '';
  return `${ids.length === 1 ? 'Contact' : 'Contacts'} ${named}${rest}`;
}

const CAUSES: Readonly<Record<IdentityEventData['cause'], string>> = {
  identify: 'by a call',
  import: 'by an import',
  manual: 'by hand',
};

/** What asked for it. */
export function causeText({ data: { cause, changeId } }: Event): string {
  return `${CAUSES[cause]}${changeId === undefined ? '' : `, change ${changeId}`}`;
}

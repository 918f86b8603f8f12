import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { MadeChange } from '../../domain/history.js';
import type { SubjectData, ToldIdentifier } from '../../domain/subject.js';
import { isoOf, isoOrNull } from './moment.js';

const ID = { type: 'integer', minimum: 1 } as const;
const ID_OR_NULL = { oneOf: [ID, { type: 'null' as const }] };
const TIME = { type: 'string', format: 'date-time', example: '2026-11-25T18:30:00.000001Z' } as const;
const TIME_OR_NULL = { oneOf: [{ type: 'string', format: 'date-time' }, { type: 'null' as const }] };
const TEXT_OR_NULL = { oneOf: [{ type: 'string' }, { type: 'null' as const }] };

@ApiSchema({
  name: 'ToldIdentifier',
  description: 'An identifier as the person that it is about may see it.',
})
export class ToldIdentifierDto implements ToldIdentifier {
  @ApiProperty({ description: '`email`, `phoneNumber`, or another kind of the tenant.', example: 'email' })
  readonly kind!: string;

  @ApiProperty({
    ...TEXT_OR_NULL,
    description: 'Null: it is somebody else’s.',
    example: 'mcfly@hillvalley.edu',
  })
  readonly value!: string | null;
}

@ApiSchema({ name: 'SubjectContact', description: 'One row: identifiers that were seen together once.' })
export class SubjectContact {
  @ApiProperty({ ...ID, description: 'The contact.', example: 1 })
  readonly id!: number;

  @ApiProperty({ type: [ToldIdentifierDto], description: 'What it carries.' })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({
    ...ID_OR_NULL,
    description: 'The primary that it links to; null: it is one.',
    example: null,
  })
  readonly linkedId!: number | null;

  @ApiProperty({
    ...ID_OR_NULL,
    description: 'The contact that it attached to when it came; null: none.',
    example: 1,
  })
  readonly attachedToId!: number | null;

  @ApiProperty({ ...TIME, description: 'When it was seen.' })
  readonly createdAt!: string;

  @ApiProperty({ ...TIME, description: 'When it was stored: later, if it was imported.' })
  readonly recordedAt!: string;

  @ApiProperty({ ...TIME_OR_NULL, description: 'Null: it is live.', example: null })
  readonly deletedAt!: string | null;
}

@ApiSchema({ name: 'SubjectPast', description: 'What a contact was until a change.' })
export class SubjectPast {
  @ApiProperty({ ...ID, description: 'The contact.', example: 1 })
  readonly contactId!: number;

  @ApiProperty({ ...TIME, description: 'When it changed.' })
  readonly until!: string;

  @ApiProperty({
    ...ID_OR_NULL,
    description: 'The primary that it linked to; null: it was one.',
    example: null,
  })
  readonly linkedId!: number | null;

  @ApiProperty({ type: [ToldIdentifierDto], description: 'What it carried.' })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({ ...TIME, description: 'When it was seen, as it was known then.' })
  readonly createdAt!: string;
}

@ApiSchema({ name: 'SubjectMerge', description: 'Two identities that became one.' })
export class SubjectMerge {
  @ApiProperty({ ...ID, description: 'The merge.', example: 9 })
  readonly id!: number;

  @ApiProperty({ ...TIME, description: 'When.' })
  readonly at!: string;

  @ApiProperty({ ...ID, description: 'The primary that stayed.', example: 1 })
  readonly survivorId!: number;

  @ApiProperty({ ...ID, description: 'The other one.', example: 4 })
  readonly mergedId!: number;

  @ApiProperty({ description: 'Why, as in `Merge`.', example: 'sighting' })
  readonly cause!: string;

  @ApiProperty({ type: [ToldIdentifierDto], description: 'What was seen together.' })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({ ...TIME_OR_NULL, description: 'When it was undone; null: it was not.', example: null })
  readonly undoneAt!: string | null;
}

@ApiSchema({ name: 'SubjectRule', description: 'Two identifiers that are kept apart.' })
export class SubjectRule {
  @ApiProperty({ ...ID, description: 'The rule.', example: 3 })
  readonly id!: number;

  @ApiProperty({ type: [ToldIdentifierDto], description: 'Both identifiers.' })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({ ...TIME, description: 'When it was made.' })
  readonly createdAt!: string;

  @ApiProperty({ description: 'Who made it.', example: 'k3v9q0w2x1z7 crm' })
  readonly actor!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Why.', example: 'They are two' })
  readonly reason!: string | null;
}

@ApiSchema({ name: 'SubjectReview', description: 'A link that was withheld.' })
export class SubjectReview {
  @ApiProperty({ ...ID, description: 'The review.', example: 17 })
  readonly id!: number;

  @ApiProperty({ type: [ToldIdentifierDto], description: 'Both identifiers.' })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({ description: 'Why it was withheld.', example: 'limit' })
  readonly reason!: string;

  @ApiProperty({ ...TIME, description: 'When it was opened.' })
  readonly createdAt!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'What was decided; null: nothing yet.', example: null })
  readonly decision!: string | null;

  @ApiProperty({ ...TIME_OR_NULL, description: 'When; null: not yet.', example: null })
  readonly decidedAt!: string | null;
}

@ApiSchema({ name: 'SubjectChange', description: 'What somebody changed by hand.' })
export class SubjectChange {
  @ApiProperty({ ...ID, description: 'The change.', example: 12 })
  readonly id!: number;

  @ApiProperty({ description: 'What was done.', example: 'merge' })
  readonly kind!: string;

  @ApiProperty({ ...TIME, description: 'When.' })
  readonly at!: string;

  @ApiProperty({ description: 'Who did it.', example: 'k3v9q0w2x1z7 crm' })
  readonly actor!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Why, in their words.', example: 'The customer called' })
  readonly reason!: string | null;

  @ApiProperty({ type: 'array', items: ID, description: 'The contacts that it names.', example: [1] })
  readonly contactIds!: readonly number[];
}

@ApiSchema({ name: 'SubjectAccess', description: 'All that is stored of a person.' })
export class SubjectAccessResponse {
  @ApiProperty({ type: [SubjectContact], description: 'The contacts, by id, deleted ones too.' })
  readonly contacts: readonly SubjectContact[];

  @ApiProperty({ type: [SubjectPast], description: 'What they were before changes.' })
  readonly past: readonly SubjectPast[];

  @ApiProperty({
    type: [SubjectMerge],
    description: 'The merges that joined one of them to another contact.',
  })
  readonly merges: readonly SubjectMerge[];

  @ApiProperty({ type: [SubjectRule], description: 'The rules about the identifiers.' })
  readonly rules: readonly SubjectRule[];

  @ApiProperty({ type: [SubjectReview], description: 'The reviews about the identifiers.' })
  readonly reviews: readonly SubjectReview[];

  @ApiProperty({ type: [SubjectChange], description: 'Changes that name one of the contacts.' })
  readonly changes: readonly SubjectChange[];

  constructor({ contacts, past, merges, rules, reviews, changes }: SubjectData) {
    this.contacts = contacts.map((contact) => ({
      id: contact.id,
      identifiers: contact.identifiers,
      linkedId: contact.linkedId,
      attachedToId: contact.joinedId,
      createdAt: isoOf(contact.createdAt),
      recordedAt: isoOf(contact.recordedAt),
      deletedAt: isoOrNull(contact.deletedAt),
    }));
    this.past = past.map(({ contactId, until, linkedId, identifiers, createdAt }) => ({
      contactId,
      until: isoOf(until),
      linkedId,
      identifiers,
      createdAt: isoOf(createdAt),
    }));
    this.merges = merges.map(({ id, at, survivorId, mergedId, cause, identifiers, undone }) => ({
      id,
      at: isoOf(at),
      survivorId,
      mergedId,
      cause,
      identifiers,
      undoneAt: isoOrNull(undone?.at ?? null),
    }));
    this.rules = rules.map(({ id, identifiers, createdAt, actor, reason }) => ({
      id,
      identifiers,
      createdAt: isoOf(createdAt),
      actor,
      reason,
    }));
    this.reviews = reviews.map(({ id, identifiers, reason, createdAt, decision, decidedAt }) => ({
      id,
      identifiers,
      reason,
      createdAt: isoOf(createdAt),
      decision,
      decidedAt: isoOrNull(decidedAt),
    }));
    this.changes = changes.map(changeOf);
  }
}

function changeOf({ id, kind, at, actor, reason, contactIds }: MadeChange): SubjectChange {
  return { id, kind, at: isoOf(at), actor, reason, contactIds };
}

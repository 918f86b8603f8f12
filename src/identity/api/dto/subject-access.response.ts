import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { MadeChange } from '../../domain/history.js';
import type { SubjectData, ToldIdentifier } from '../../domain/subject.js';
import { isoOf } from './moment.js';

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
  @ApiProperty(ID)
  readonly id!: number;

  @ApiProperty({ type: [ToldIdentifierDto] })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({ ...ID_OR_NULL, description: 'The primary that it links to; null: it is one.' })
  readonly linkedId!: number | null;

  @ApiProperty({ ...ID_OR_NULL, description: 'The contact that it attached to when it came; null: none.' })
  readonly attachedToId!: number | null;

  @ApiProperty({ ...TIME, description: 'When it was seen.' })
  readonly createdAt!: string;

  @ApiProperty({ ...TIME, description: 'When it was stored: later, if it was imported.' })
  readonly recordedAt!: string;

  @ApiProperty({ ...TIME_OR_NULL, description: 'Null: it is live.' })
  readonly deletedAt!: string | null;
}

@ApiSchema({ name: 'SubjectPast', description: 'What a contact was until a change.' })
export class SubjectPast {
  @ApiProperty(ID)
  readonly contactId!: number;

  @ApiProperty({ ...TIME, description: 'When it changed.' })
  readonly until!: string;

  @ApiProperty(ID_OR_NULL)
  readonly linkedId!: number | null;

  @ApiProperty({ type: [ToldIdentifierDto] })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty(TIME)
  readonly createdAt!: string;
}

@ApiSchema({ name: 'SubjectMerge', description: 'Two identities that became one.' })
export class SubjectMerge {
  @ApiProperty(ID)
  readonly id!: number;

  @ApiProperty(TIME)
  readonly at!: string;

  @ApiProperty(ID)
  readonly survivorId!: number;

  @ApiProperty(ID)
  readonly mergedId!: number;

  @ApiProperty({ description: 'Why, as in `Merge`.', example: 'sighting' })
  readonly cause!: string;

  @ApiProperty({ type: [ToldIdentifierDto], description: 'What was seen together.' })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({ ...TIME_OR_NULL, description: 'When it was undone; null: it was not.' })
  readonly undoneAt!: string | null;
}

@ApiSchema({ name: 'SubjectRule', description: 'Two identifiers that are kept apart.' })
export class SubjectRule {
  @ApiProperty(ID)
  readonly id!: number;

  @ApiProperty({ type: [ToldIdentifierDto] })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty(TIME)
  readonly createdAt!: string;

  @ApiProperty({ description: 'Who made it.' })
  readonly actor!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Why.' })
  readonly reason!: string | null;
}

@ApiSchema({ name: 'SubjectReview', description: 'A link that was withheld.' })
export class SubjectReview {
  @ApiProperty(ID)
  readonly id!: number;

  @ApiProperty({ type: [ToldIdentifierDto] })
  readonly identifiers!: readonly ToldIdentifier[];

  @ApiProperty({ description: 'Why it was withheld.', example: 'limit' })
  readonly reason!: string;

  @ApiProperty(TIME)
  readonly createdAt!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'What was decided; null: nothing yet.' })
  readonly decision!: string | null;

  @ApiProperty(TIME_OR_NULL)
  readonly decidedAt!: string | null;
}

@ApiSchema({ name: 'SubjectChange', description: 'What somebody changed by hand.' })
export class SubjectChange {
  @ApiProperty(ID)
  readonly id!: number;

  @ApiProperty({ description: 'What was done.', example: 'merge' })
  readonly kind!: string;

  @ApiProperty(TIME)
  readonly at!: string;

  @ApiProperty({ description: 'Who did it.' })
  readonly actor!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Why, in their words.' })
  readonly reason!: string | null;

  @ApiProperty({ type: 'array', items: ID })
  readonly contactIds!: readonly number[];
}

@ApiSchema({ name: 'SubjectAccess', description: 'All that is stored of a person.' })
export class SubjectAccessResponse {
  @ApiProperty({ type: [SubjectContact] })
  readonly contacts: readonly SubjectContact[];

  @ApiProperty({ type: [SubjectPast] })
  readonly past: readonly SubjectPast[];

  @ApiProperty({ type: [SubjectMerge] })
  readonly merges: readonly SubjectMerge[];

  @ApiProperty({ type: [SubjectRule] })
  readonly rules: readonly SubjectRule[];

  @ApiProperty({ type: [SubjectReview] })
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
      deletedAt: timeOrNull(contact.deletedAt),
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
      undoneAt: timeOrNull(undone?.at ?? null),
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
      decidedAt: timeOrNull(decidedAt),
    }));
    this.changes = changes.map(changeOf);
  }
}

function changeOf({ id, kind, at, actor, reason, contactIds }: MadeChange): SubjectChange {
  return { id, kind, at: isoOf(at), actor, reason, contactIds };
}

function timeOrNull(micros: number | null): string | null {
  return micros === null ? null : isoOf(micros);
}

import { ApiProperty, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import type { Identifier } from '../../domain/contact.js';
import type { EvidenceEdge, RecordedMerge } from '../../domain/explain.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../../domain/kinds.js';
import type { RecordedContact } from '../../domain/past.js';
import type { Rule } from '../../domain/rules.js';
import { valueOf } from '../../store/identifier-columns.js';
import { IdentifierDto } from './identifier.dto.js';
import { ASSUMED, CAUSE, MergeDto } from './merge.response.js';
import { isoOf, isoOrNull } from './moment.js';
import { RuleDto } from './rule.dto.js';

@ApiSchema({ name: 'Contact', description: 'One stored row: identifiers that were seen together once.' })
export class ContactDto {
  @ApiProperty({ type: 'integer', minimum: 1, description: 'The id of the contact.', example: 1 })
  readonly id: number;

  @ApiProperty({ type: String, nullable: true, description: 'Its email.', example: 'mcfly@hillvalley.edu' })
  readonly email: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Its phone number.', example: '123456' })
  readonly phoneNumber: string | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    selfRequired: false,
    description:
      'Its values of the kinds that the tenant has declared, by kind. Absent if it has declared none.',
    example: { customerId: 'C-1' },
  })
  readonly identifiers?: Readonly<Record<string, string>>;

  @ApiProperty({
    format: 'date-time',
    description: 'Since when it counts; an imported contact may be older than its row.',
    example: '2026-11-25T18:30:00.000001Z',
  })
  readonly createdAt: string;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it was deleted; null: it is live.',
    example: null,
  })
  readonly deletedAt: string | null;

  constructor({ id, identifiers, createdAt, deletedAt }: RecordedContact, kinds: Kinds) {
    this.id = id;
    this.email = valueOf(identifiers, EMAIL.name);
    this.phoneNumber = valueOf(identifiers, PHONE_NUMBER.name);
    if (kinds.further.length > 0) {
      this.identifiers = furtherOf(identifiers);
    }
    this.createdAt = isoOf(createdAt);
    this.deletedAt = isoOrNull(deletedAt);
  }
}

/** What a contact carries beside an email and a phone number, by kind. */
export function furtherOf(identifiers: readonly Identifier[]): Readonly<Record<string, string>> {
  const further = identifiers.filter(({ kind }) => kind !== EMAIL.name && kind !== PHONE_NUMBER.name);
  return Object.fromEntries(further.map(({ kind, value }) => [kind, value]));
}

@ApiSchema({ name: 'Edge', description: 'One reason why two contacts are one person.' })
export class EdgeDto {
  @ApiProperty({ type: 'integer', minimum: 1, description: 'One of the contacts.', example: 1 })
  readonly from: number;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'The other one.', example: 23 })
  readonly to: number;

  @ApiProperty({
    enum: ['shared', 'merge'],
    description:
      '`shared`: the younger contact brought a value that the other one carries. `merge`: a merge joined the two.',
    example: 'shared',
  })
  readonly type: string;

  @ApiProperty({
    type: [IdentifierDto],
    description:
      '`shared`: what both contacts carry. `merge`: the sighting that caused it, empty if there was none.',
  })
  readonly identifiers: readonly IdentifierDto[];

  @ApiProperty({ format: 'date-time', description: 'When.', example: '2026-11-25T18:30:00.000001Z' })
  readonly at: string;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    required: false,
    description: 'The id of the merge; absent if it is none.',
    example: 9,
  })
  readonly mergeId?: number;

  @ApiProperty({ ...CAUSE, required: false })
  readonly cause?: string;

  @ApiProperty(ASSUMED)
  readonly assumed?: boolean;

  constructor({ fromId, toId, type, identifiers, at, merge, isAssumed }: EvidenceEdge) {
    this.from = fromId;
    this.to = toId;
    this.type = type;
    this.identifiers = identifiers.map((identifier) => new IdentifierDto(identifier));
    this.at = isoOf(at);
    if (merge !== null) {
      this.mergeId = merge.id;
      this.cause = merge.cause;
    }
    if (isAssumed) {
      this.assumed = true;
    }
  }
}

@ApiSchema({ name: 'Evidence', description: 'Why the contacts of an identity are one person.' })
export class EvidenceResponse {
  @ApiProperty({ type: [ContactDto], description: 'All contacts, deleted ones too, the oldest first.' })
  readonly contacts: readonly ContactDto[];

  @ApiProperty({
    type: [EdgeDto],
    description: 'One edge less than there are contacts; together they are a tree. The oldest first.',
  })
  readonly edges: readonly EdgeDto[];

  constructor(contacts: readonly RecordedContact[], edges: readonly EvidenceEdge[], kinds: Kinds) {
    this.contacts = contacts.map((contact) => new ContactDto(contact, kinds));
    this.edges = edges.map((edge) => new EdgeDto(edge));
  }
}

@ApiSchema({ name: 'Connection', description: 'Why two contacts of one identity are one person.' })
export class ConnectionResponse {
  @ApiProperty({ enum: [true], description: 'They are one person.', example: true })
  readonly connected = true;

  @ApiProperty({
    type: [EdgeDto],
    description: 'The edges from the one contact to the other, in order; empty if they are the same contact.',
  })
  readonly path: readonly EdgeDto[];

  @ApiProperty({ type: [ContactDto], description: 'The contacts on the way, in order.' })
  readonly contacts: readonly ContactDto[];

  constructor(path: readonly EvidenceEdge[], contacts: readonly RecordedContact[], kinds: Kinds) {
    this.path = path.map((edge) => new EdgeDto(edge));
    this.contacts = contacts.map((contact) => new ContactDto(contact, kinds));
  }
}

@ApiSchema({ name: 'Separation', description: 'What keeps two contacts apart.' })
export class SeparationResponse {
  @ApiProperty({ enum: [false], description: 'They are not one person.', example: false })
  readonly connected = false;

  @ApiProperty({ type: [RuleDto], description: 'The rules that keep their identities apart.' })
  readonly rules: readonly RuleDto[];

  @ApiProperty({ type: [MergeDto], description: 'The merges between their identities that were undone.' })
  readonly undoneMerges: readonly MergeDto[];

  constructor(rules: readonly Rule[], undoneMerges: readonly RecordedMerge[]) {
    this.rules = rules.map((rule) => new RuleDto(rule));
    this.undoneMerges = undoneMerges.map((merge) => new MergeDto(merge));
  }
}

export const EVIDENCE_ANSWERS = [EvidenceResponse, ConnectionResponse, SeparationResponse] as const;
export const EVIDENCE_SCHEMA = {
  oneOf: EVIDENCE_ANSWERS.map((type) => ({ $ref: getSchemaPath(type) })),
};

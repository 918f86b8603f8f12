import type { Kinds } from '../../domain/kinds.js';
import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { ERASURE_SCOPES } from '../../domain/writes.js';
import type { PlannedErasure } from '../../erasure.service.js';
import type { RecordedErasure } from '../../store/erasure-records.js';
import { isoOf, isoOrNull } from './moment.js';
import { PlannedIdentityResponse } from './planned-identity.response.js';

const CONTACTS = {
  type: 'integer',
  minimum: 0,
  description:
    'Contacts that were removed, or lost the identifier. Those of other identities are not counted.',
  example: 3,
} as const;
const IDENTIFIERS = {
  type: 'integer',
  minimum: 0,
  description: 'Identifiers that were erased.',
  example: 4,
} as const;

@ApiSchema({ name: 'Erasure', description: 'An erasure. It has no personal data.' })
export class ErasureResponse {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'Its id, which is also that of its change.',
    example: 12,
  })
  readonly erasureId: number;

  @ApiProperty({
    enum: ['running', 'done'],
    description:
      '`running`: the identity is gone, and for a minute the identifiers are reserved so that nothing under way brings them back. `done`: they are free, and nothing in the database has them.',
    example: 'running',
  })
  readonly status: string;

  @ApiProperty(CONTACTS)
  readonly contacts: number;

  @ApiProperty(IDENTIFIERS)
  readonly identifiers: number;

  @ApiProperty({ enum: ERASURE_SCOPES, description: 'What it is about.', example: 'identity' })
  readonly scope: string;

  @ApiProperty({ format: 'date-time', description: 'When.', example: '2026-11-25T18:30:00.000001Z' })
  readonly createdAt: string;

  @ApiProperty({
    oneOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }],
    description: 'When it was done; null: it is not yet.',
    example: null,
  })
  readonly doneAt: string | null;

  constructor({ id, status, contacts, identifiers, scope, createdAt, doneAt }: RecordedErasure) {
    this.erasureId = id;
    this.status = status;
    this.contacts = contacts;
    this.identifiers = identifiers;
    this.scope = scope;
    this.createdAt = isoOf(createdAt);
    this.doneAt = isoOrNull(doneAt);
  }
}

@ApiSchema({ name: 'PlannedErasure', description: 'What an erasure would do.' })
export class PlannedErasureResponse {
  @ApiProperty(CONTACTS)
  readonly contacts: number;

  @ApiProperty(IDENTIFIERS)
  readonly identifiers: number;

  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/PlannedIdentityResponse' }, { type: 'null' }],
    description:
      'Whose data it is: the identity as it is today, or its deleted contacts if none is live. Null: nobody has the identifier.',
  })
  readonly identity: PlannedIdentityResponse | null;

  constructor({ contacts, identifiers, identity }: PlannedErasure, kinds: Kinds) {
    this.contacts = contacts;
    this.identifiers = identifiers;
    this.identity = identity && new PlannedIdentityResponse(identity, kinds);
  }
}

import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { BlockOutcome, ToldBlocked } from '../../blocking.service.js';
import type { Kinds } from '../../domain/kinds.js';
import { LARGE_CONTACTS } from '../../large.js';
import type { Page } from '../../reading.service.js';
import type { StoredBlocked } from '../../store/blocked-values.js';
import { CHANGE_ID } from './change.response.js';
import { isoOf, isoOrNull } from './moment.js';
import { NEXT } from './page.js';
import { PlannedIdentityResponse } from './planned-identity.response.js';

/** Identities that a dry run tells. */
const MAX_TOLD = 50;

/** For the OpenAPI document. */
const EXAMPLE_BLOCKED = {
  id: 3,
  kind: 'phoneNumber',
  pattern: '0000000000',
  createdAt: Date.UTC(2026, 10, 29, 9, 12, 44) * 1000 + 123_456,
} as const;

@ApiSchema({ name: 'BlockedValue', description: 'A value, or a glob of values, that may not link.' })
export class BlockedValueDto {
  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
    description: 'The id of the blocked value. Null after a dry run, unless it was blocked before.',
    example: EXAMPLE_BLOCKED.id,
  })
  readonly id: number | null;

  @ApiProperty({
    description: '`email`, `phoneNumber`, or another kind of the tenant.',
    example: EXAMPLE_BLOCKED.kind,
  })
  readonly kind: string;

  @ApiProperty({ description: 'In its normal form.', example: EXAMPLE_BLOCKED.pattern })
  readonly pattern: string;

  @ApiProperty({
    oneOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }],
    description: 'When it was blocked. Null after a dry run, unless it was blocked before.',
    example: isoOf(EXAMPLE_BLOCKED.createdAt),
  })
  readonly createdAt: string | null;

  constructor({ id, kind, pattern, createdAt }: ToldBlocked) {
    this.id = id;
    this.kind = kind;
    this.pattern = pattern;
    this.createdAt = isoOrNull(createdAt);
  }
}

/** The answer of `GET /blocked-values`. */
export class BlockedValuesResponse {
  @ApiProperty({ type: [BlockedValueDto], description: 'The blocked values, the oldest first.' })
  readonly blockedValues: readonly BlockedValueDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ items, isLast }: Page<StoredBlocked>) {
    this.blockedValues = items.map((blocked) => new BlockedValueDto(blocked));
    this.next = isLast ? null : String(items.at(-1)!.id);
  }
}

@ApiSchema({ name: 'BlockedValueChange', description: 'What blocking a value did, or would do.' })
export class BlockedValueChangeResponse {
  @ApiProperty(CHANGE_ID)
  readonly changeId: number | null;

  @ApiProperty({
    description:
      'Whether anything was changed; false: it was blocked already, and nothing had to be taken from anybody.',
    example: true,
  })
  readonly changed: boolean;

  @ApiProperty({ type: BlockedValueDto, description: 'The blocked value; the first one of a preset.' })
  readonly blockedValue: BlockedValueDto;

  @ApiProperty({
    type: [BlockedValueDto],
    required: false,
    description: 'All values of a preset. Absent if the call named a value.',
  })
  readonly blockedValues?: readonly BlockedValueDto[];

  @ApiProperty({ description: 'How many identities had the value before the call.', example: 1 })
  readonly identitiesAffected: number;

  @ApiProperty({
    required: false,
    description:
      'How many identities would be left of the one that has the value. Only after a dry run with `split`, if one identity has the value.',
    example: 3,
  })
  readonly identitiesAfterwards?: number;

  @ApiProperty({
    type: [PlannedIdentityResponse],
    required: false,
    description: `The identities that would be left of it: at most ${MAX_TOLD}, and none if there are ${LARGE_CONTACTS} contacts or more.`,
  })
  readonly identities?: readonly PlannedIdentityResponse[];

  constructor(outcome: BlockOutcome, kinds: Kinds) {
    const { changeId, isChanged, blocked, identitiesAffected, afterwards } = outcome;
    this.changeId = changeId;
    this.changed = isChanged;
    this.blockedValue = new BlockedValueDto(blocked[0]!);
    if (blocked.length > 1) {
      this.blockedValues = blocked.map((each) => new BlockedValueDto(each));
    }
    this.identitiesAffected = identitiesAffected;
    if (afterwards !== null) {
      const contacts = afterwards.reduce((sum, view) => sum + view.secondaryContactIds.length + 1, 0);
      const told = contacts < LARGE_CONTACTS ? afterwards.slice(0, MAX_TOLD) : [];
      this.identitiesAfterwards = afterwards.length;
      this.identities = told.map((view) => new PlannedIdentityResponse(view, kinds));
    }
  }
}

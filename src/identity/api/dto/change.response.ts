import { applyDecorators } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { ChangeOutcome } from '../../change-writer.js';
import type { Kinds } from '../../domain/kinds.js';
import { PlannedIdentityResponse } from './planned-identity.response.js';
import { RuleDto } from './rule.dto.js';

/** The property `changeId`. */
export const CHANGE_ID = {
  oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
  description: 'The record of the change. Null if nothing was changed, and after a dry run.',
  example: 12,
};
/** The property `changed`. */
export const CHANGED = { description: 'Whether there was something to change.', example: true };

@ApiSchema({ name: 'Change', description: 'What a change by hand did, or would do.' })
export class ChangeResponse {
  @ApiProperty(CHANGE_ID)
  readonly changeId: number | null;

  @ApiProperty(CHANGED)
  readonly changed: boolean;

  @ApiProperty({
    type: [PlannedIdentityResponse],
    description: 'The identities that the change is about, after it.',
  })
  readonly identities: readonly PlannedIdentityResponse[];

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    description: 'The merges that the change made. Empty after a dry run.',
    example: [9],
  })
  readonly mergeIds: readonly number[];

  @ApiProperty({ type: [RuleDto], description: 'The rules that the change made, or would make.' })
  readonly rules: readonly RuleDto[];

  @ApiProperty({
    type: Boolean,
    required: false,
    description:
      'True if the change rests on evidence that a build from before did not record, so that it was worked out later; otherwise absent.',
    example: true,
  })
  readonly assumed?: boolean;

  constructor({ changeId, isChanged, identities, mergeIds, rules, isAssumed }: ChangeOutcome, kinds: Kinds) {
    this.changeId = changeId;
    this.changed = isChanged;
    this.identities = identities.map((view) => new PlannedIdentityResponse(view, kinds));
    this.mergeIds = mergeIds;
    this.rules = rules.map((rule) => new RuleDto(rule));
    if (isAssumed) {
      this.assumed = true;
    }
  }
}

/** Of the answer to a dry run. */
export const ETAG = {
  ETag: {
    description: 'Of a dry run only: stands for all that it rests on. Send it as `If-Match`.',
    required: false,
    schema: { type: 'string' as const },
    example: '"J0cZ8YdVqXl3yR2kTqLw0g"',
  },
};

/** Documents the answer to a change. */
export function ApiChange(description: string): MethodDecorator {
  return applyDecorators(ApiOkResponse({ type: ChangeResponse, description, headers: ETAG }));
}

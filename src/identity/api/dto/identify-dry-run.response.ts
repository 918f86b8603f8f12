import { ApiProperty, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import type { FieldError } from '../../../http/problems/problem.js';
import type { IdentityView } from '../../domain/contact.js';
import type { Kinds } from '../../domain/kinds.js';
import type { Outcome } from '../../domain/batch.js';
import { IdentityResponse, IgnoredDto } from './identity.response.js';
import { PlannedIdentityDto } from './planned-identity.response.js';

@ApiSchema({ name: 'IdentifyDryRun', description: 'What a call would do, and answer.' })
export class IdentifyDryRunResponse {
  @ApiProperty({ type: PlannedIdentityDto })
  readonly contact: PlannedIdentityDto;

  @ApiProperty({
    enum: ['created', 'linked', 'merged', 'unchanged'],
    description:
      '`created`: a new identity. `linked`: a new contact of a known one. `merged`: several identities would become one. `unchanged`: nothing would be written.',
    example: 'linked',
  })
  readonly outcome: Outcome;

  @ApiProperty({
    type: [IgnoredDto],
    required: false,
    description: 'What would be left out of the call; only if something would.',
  })
  readonly ignored?: readonly IgnoredDto[];

  constructor(
    { view, outcome }: { readonly view: IdentityView; readonly outcome: Outcome },
    kinds: Kinds,
    mistakes: readonly FieldError[],
  ) {
    this.contact = new PlannedIdentityDto(view, kinds);
    this.outcome = outcome;
    const { ignored } = new IdentityResponse(view, kinds, mistakes);
    if (ignored !== undefined) {
      this.ignored = ignored;
    }
  }
}

export const IDENTIFY_ANSWERS = [IdentityResponse, IdentifyDryRunResponse] as const;
/** Not `oneOf`: what a dry run answers about known contacts has the form of both. */
export const IDENTIFY_SCHEMA = {
  anyOf: IDENTIFY_ANSWERS.map((type) => ({ $ref: getSchemaPath(type) })),
};

import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { Kinds } from '../../domain/kinds.js';
import type { Match } from '../../domain/lookup.js';
import { IdentityDto } from './identity.response.js';

@ApiSchema({ name: 'MatchedIdentity', description: 'An identity that has some of the identifiers.' })
export class MatchedIdentity {
  @ApiProperty({ type: IdentityDto })
  readonly contact: IdentityDto;

  @ApiProperty({
    type: [String],
    description: 'The kinds of the identifiers that it has, the strongest first.',
    example: ['email'],
  })
  readonly matched: readonly string[];

  constructor({ view, matched }: Match, kinds: Kinds) {
    this.contact = new IdentityDto(view, kinds);
    this.matched = matched;
  }
}

/** The answer of `POST /lookup`. */
export class LookupResponse {
  @ApiProperty({
    type: [MatchedIdentity],
    description:
      'The identities that have one of the identifiers, the strongest match first; empty if none has.',
  })
  readonly identities: readonly MatchedIdentity[];

  constructor(matches: readonly Match[], kinds: Kinds) {
    this.identities = matches.map((match) => new MatchedIdentity(match, kinds));
  }
}

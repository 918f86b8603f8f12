import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray } from 'class-validator';
import type { Settings } from '../../../config/settings.js';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import { isSame } from '../../domain/rules.js';
import type { Identifier } from '../../domain/contact.js';
import type { Kinds } from '../../domain/kinds.js';
import { readBody } from './read-body.js';
import { GivenIdentifier, readIdentifiers } from './read-identifiers.js';
import { OptionalReason, Reason } from './reason.js';

const TWO = 'identifiers must be an array of two';

@ApiSchema({ name: 'RuleRequest', description: 'Two identifiers to keep apart, and why.' })
export class RuleRequest {
  @ApiProperty({
    type: [GivenIdentifier],
    minItems: 2,
    maxItems: 2,
    description: 'Two identifiers, whether anybody has them or not.',
    example: [
      { kind: 'email', value: 'george@hillvalley.edu' },
      { kind: 'phoneNumber', value: '717171' },
    ],
  })
  @ArrayMaxSize(2, { message: TWO })
  @ArrayMinSize(2, { message: TWO })
  @IsArray({ message: TWO })
  readonly identifiers!: readonly unknown[];

  @Reason()
  readonly reason!: string;
}

@ApiSchema({ name: 'DeleteRuleRequest', description: 'Why the rule is deleted.' })
export class DeleteRuleRequest {
  @OptionalReason()
  readonly reason?: string | null;
}

/** A request for a rule, with its identifiers in their normal form. */
export interface RuleBody {
  readonly identifiers: readonly [Identifier, Identifier];
  readonly reason: string;
}

/**
 * Reads a {@link RuleRequest}.
 *
 * @throws {InvalidRequestError} naming each invalid field
 */
export function readRule(body: unknown, settings: Settings, kinds: Kinds): RuleBody {
  const { identifiers: given, reason } = readBody(RuleRequest, body, settings.unknownProperties);
  const [one, other] = readIdentifiers('identifiers', given, settings, kinds) as [Identifier, Identifier];
  if (isSame(one, other)) {
    throw new InvalidRequestError([
      { field: 'identifiers', message: 'identifiers must be two different ones' },
    ]);
  }
  return { identifiers: [one, other], reason };
}

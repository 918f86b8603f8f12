import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { InvalidRequestError } from '../../../http/problems/problem.errors.js';
import { REVIEW_DECISIONS, type ReviewDecision } from '../../domain/reviews.js';
import { Reason } from './reason.js';

export const REVIEW_STATES = ['open', 'decided'] as const;

@ApiSchema({ name: 'ReviewRequest', description: 'What becomes of a link that was withheld, and why.' })
export class ReviewRequest {
  @ApiProperty({
    enum: [...REVIEW_DECISIONS],
    description:
      '`link`: the identities become one, whatever rules and limits say. `keep-apart`: a rule keeps both identifiers apart.',
    example: 'link',
  })
  @IsIn(REVIEW_DECISIONS, { message: 'decision must be link or keep-apart' })
  readonly decision!: ReviewDecision;

  @Reason()
  readonly reason!: string;
}

/**
 * Reads whether open reviews are asked for; if nothing is said, they are.
 *
 * @throws {InvalidRequestError} naming `state` if it is neither open nor decided
 */
export function readIsOpen(state: unknown): boolean {
  if (state !== undefined && !REVIEW_STATES.some((each) => each === state)) {
    throw new InvalidRequestError([{ field: 'state', message: 'state must be open or decided' }]);
  }
  return state !== 'decided';
}

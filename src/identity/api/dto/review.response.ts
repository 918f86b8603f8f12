import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import {
  REVIEW_DECISIONS,
  REVIEW_REASONS,
  type ReviewDecision,
  type ReviewReason,
} from '../../domain/reviews.js';
import type { Review, ReviewPage } from '../../store/review-records.js';
import { IdentifierDto } from './identifier.dto.js';
import { isoOf } from './moment.js';
import { NEXT } from './page.js';
import { REVIEW_STATES } from './review.request.js';
import { EXAMPLE_RULE } from './rule.dto.js';

@ApiSchema({ name: 'Review', description: 'A link that policy withheld, on which people decide.' })
export class ReviewDto {
  @ApiProperty({ type: 'integer', minimum: 1, description: 'The id of the review.', example: 17 })
  readonly id: number;

  @ApiProperty({
    type: [IdentifierDto],
    minItems: 2,
    maxItems: 2,
    description: 'The identifiers that came together, the stronger one first. The other one was left out.',
    example: EXAMPLE_RULE.identifiers,
  })
  readonly identifiers: readonly IdentifierDto[];

  @ApiProperty({
    enum: [...REVIEW_REASONS],
    description:
      '`limit`: the identity would have grown beyond a limit. `do-not-link`: a rule about other identifiers of the same identities was in between.',
    example: 'limit',
  })
  readonly reason: ReviewReason;

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    description:
      'The contacts that hold the identifiers today; fewer than two if one holds both, or nobody one of them.',
    example: [1, 4],
  })
  readonly contactIds: readonly number[];

  @ApiProperty({
    format: 'date-time',
    description: 'When the link was withheld for the first time.',
    example: isoOf(EXAMPLE_RULE.createdAt),
  })
  readonly createdAt: string;

  @ApiProperty({ enum: [...REVIEW_STATES], description: 'Whether it was decided.', example: 'open' })
  readonly state: (typeof REVIEW_STATES)[number];

  @ApiProperty({
    enum: [...REVIEW_DECISIONS, null],
    type: String,
    nullable: true,
    description: 'How it was decided, by people, by a rule about its pair, or by a link; null: it is open.',
    example: null,
  })
  readonly decision: ReviewDecision | null;

  constructor({ id, identifiers, reason, contactIds, createdAt, decision }: Review) {
    this.id = id;
    this.identifiers = identifiers.map((identifier) => new IdentifierDto(identifier));
    this.reason = reason;
    this.contactIds = contactIds;
    this.createdAt = isoOf(createdAt);
    this.state = decision === null ? 'open' : 'decided';
    this.decision = decision;
  }
}

/** The answer of `GET /reviews`. */
export class ReviewsResponse {
  @ApiProperty({
    type: [ReviewDto],
    description:
      'The reviews, the oldest first. A page may have fewer than `limit`, or none, and not be the last.',
  })
  readonly reviews: readonly ReviewDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ reviews, next }: ReviewPage) {
    this.reviews = reviews.map((review) => new ReviewDto(review));
    this.next = next === null ? null : String(next);
  }
}

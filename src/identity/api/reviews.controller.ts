import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  Query,
  Res,
  type StreamableFile,
} from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import { answerInTime } from '../batching/call.js';
import type { ChangeCall } from '../change-writer.js';
import { ReviewBlockedError, NotFoundError } from '../identity.errors.js';
import { ReviewsService } from '../reviews.service.js';
import { ChangeAnswers } from './change-answers.js';
import { ApiChangeProblems } from './change-problems.js';
import { ApiChange, type ChangeResponse } from './dto/change.response.js';
import { ApiChangeParameters, Changing } from './dto/change-call.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { ApiPage, idOf, readAfter, readLimit } from './dto/page.js';
import { readBody } from './dto/read-body.js';
import { readIsOpen, REVIEW_STATES, ReviewRequest } from './dto/review.request.js';
import { ReviewsResponse } from './dto/review.response.js';

/** Links that policy withheld, and what people decide on them. */
@ApiTags('reviews')
@Controller('reviews')
export class ReviewsController {
  constructor(
    private readonly reviews: ReviewsService,
    private readonly answers: ChangeAnswers,
    private readonly settings: Settings,
  ) {}

  @Get()
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'listReviews',
    summary: 'List the links that were withheld',
    description:
      'A review is opened when `POST /identify` or an import leaves out an identifier because of a limit, or because of a rule about other identifiers. Each pair of identifiers has one review, however often it comes. A rule about the pair decides its review, and so does any link.',
  })
  @ApiQuery({
    name: 'state',
    required: false,
    description: 'Which reviews.',
    schema: { type: 'string', enum: [...REVIEW_STATES], default: 'open' },
  })
  @ApiPage()
  @ApiOkResponse({ type: ReviewsResponse, description: 'The reviews, the oldest first.' })
  @ApiProblems(
    {
      400: '`state`, `after` or `limit` is not valid.',
      503: 'The database is not available. Safe to repeat.',
    },
    new InvalidRequestError([{ field: 'state', message: 'state must be open or decided' }]),
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async list(
    @TenantId() tenantId: number,
    @Query('state') state: unknown,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<ReviewsResponse> {
    const [isOpen, after, limit] = [readIsOpen(state), readAfter(cursor, idOf), readLimit(count)];
    return new ReviewsResponse(await answerInTime(this.reviews.list(tenantId, isOpen, after, limit)));
  }

  @Post(':id')
  @RequiresScope('curate')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'decideReview',
    summary: 'Decide on a link that was withheld',
    description:
      '`link` merges the identities that hold the identifiers. Rules between them are deleted, and limits are passed. An identifier that nobody holds is attached by a new contact with both. `keep-apart` makes a rule of the pair. If the review was decided before, nothing is changed.',
  })
  @ApiParam({
    name: 'id',
    description: 'The id of the review.',
    schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    example: 17,
  })
  @ApiChangeParameters()
  @ApiBody({ type: ReviewRequest })
  @ApiChange('The identities that hold the identifiers now, or would: one after `link`.')
  @ApiChangeProblems(
    {
      404: 'There is no such review.',
      422: 'An identifier may link nobody: it is blocked, or its kind is retired. Or the Idempotency-Key was used for another route or body.',
    },
    new NotFoundError('review', 4711),
    new ReviewBlockedError([{ kind: 'phoneNumber', because: 'blocked' }]),
  )
  async decide(
    @Changing() call: ChangeCall,
    @Param('id', new ContactIdPipe()) id: number,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangeResponse | StreamableFile> {
    const request = readBody(ReviewRequest, body, this.settings.unknownProperties);
    return this.answers.of(call, reply, this.reviews.decide(call, id, request));
  }
}

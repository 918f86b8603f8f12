import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import { answerInTime } from '../batching/call.js';
import type { Kinds } from '../domain/kinds.js';
import { PolicyDirectory } from '../policy-directory.js';
import { PREFIX_MIN_LENGTH, searchRanges, type ValueRange } from '../domain/search.js';
import { UndeclaredKindError } from '../identity.errors.js';
import { ListingService } from '../listing.service.js';
import { RANKED_MAX } from '../size-rankings.js';
import { ListingResponse, matchOf, rankedOf } from './dto/listing.response.js';
import { ApiPage, idOf, noPage, readAfter, readLimit } from './dto/page.js';
import { readBody } from './dto/read-body.js';
import { SearchRequest } from './dto/search.request.js';

const UNAVAILABLE = new DatabaseUnavailableError('the database is not reachable');

@ApiTags('identity')
@Controller()
export class ListingController {
  constructor(
    private readonly listing: ListingService,
    private readonly settings: Settings,
    private readonly policies: PolicyDirectory,
  ) {}

  @Get('identities')
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'listIdentities',
    summary: 'List all identities, or the largest ones',
    description: `In order of the primary contact. With \`order=size\` the ${RANKED_MAX.toLocaleString('en-US')} largest identities, the largest first: where there are many contacts, as they were counted up to some minutes ago. What does not change while the pages are read is in them exactly once.`,
  })
  @ApiQuery({
    name: 'order',
    required: false,
    description: '`size`: the largest first, with how many contacts each has. Absent: by primary contact.',
    schema: { type: 'string', enum: ['size'] },
  })
  @ApiPage()
  @ApiOkResponse({ type: ListingResponse, description: 'A page of the list.' })
  @ApiProblems(
    {
      400: '`order`, `after` or `limit` is not valid.',
      503: 'The database is not available, or takes too long to count. Safe to repeat.',
    },
    UNAVAILABLE,
  )
  async list(
    @TenantId() tenantId: number,
    @Query('order') order: unknown,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<ListingResponse> {
    const limit = readLimit(count);
    if (readOrder(order) === 'size') {
      const after = readAfter(cursor, rankedOf);
      const largest = await answerInTime(this.listing.largest(tenantId, after, limit));
      return ListingResponse.bySize(largest, await this.kindsOf(tenantId));
    }
    const after = readAfter(cursor, idOf);
    const found = await answerInTime(this.listing.all(tenantId, after, limit));
    return ListingResponse.inOrder(found, await this.kindsOf(tenantId));
  }

  @Post('search')
  @RequiresScope('read')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'searchIdentities',
    summary: 'Find identities by how an email, a phone number or another identifier begins',
    description:
      'Kind by kind, the strongest first: emails before phone numbers. Within a kind in alphabetical order. An identity with several such identifiers is listed once, where the first of them stands.',
  })
  @ApiPage()
  @ApiBody({ type: SearchRequest })
  @ApiOkResponse({ type: ListingResponse, description: 'A page of the identities that were found.' })
  @ApiProblems(
    {
      400: 'The body is malformed, or a field or a parameter is invalid.',
      413: 'The body is larger than 16 KiB.',
      415: 'The body is not JSON in UTF-8, or is encoded.',
      503: 'The database is not available. Safe to repeat.',
    },
    UNAVAILABLE,
  )
  async search(
    @TenantId() tenantId: number,
    @Body() body: unknown,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<ListingResponse> {
    const request = readBody(SearchRequest, body, this.settings.unknownProperties);
    const ranges = await this.policies.reading(tenantId, ({ kinds }) => this.rangesOf(kinds, request));
    const [after, limit] = [readAfter(cursor, matchOf), readLimit(count)];
    const found = await answerInTime(this.listing.search(tenantId, ranges, after, limit));
    if (found === null) {
      throw noPage();
    }
    return ListingResponse.ofSearch(found, await this.kindsOf(tenantId));
  }

  private async kindsOf(tenantId: number): Promise<Kinds> {
    return (await this.policies.of(tenantId)).kinds;
  }

  private rangesOf({ all }: Kinds, { prefix, kind = null }: SearchRequest): ValueRange[] {
    const kinds = all.filter(({ name }) => kind === null || name === kind);
    if (kinds.length === 0) {
      const names = all.map(({ name }) => name).join(', ');
      throw new UndeclaredKindError([{ field: 'kind', message: `kind must be one of ${names}` }]);
    }
    const ranges = searchRanges(prefix, kinds, this.settings);
    if (ranges.length === 0) {
      const message = `prefix must have at least ${PREFIX_MIN_LENGTH} characters that an identifier may begin with`;
      throw new InvalidRequestError([{ field: 'prefix', message }]);
    }
    return ranges;
  }
}

/** @throws {InvalidRequestError} if there is no such order */
function readOrder(value: unknown): 'size' | null {
  if (value !== undefined && value !== 'size') {
    throw new InvalidRequestError([{ field: 'order', message: 'order must be size, or absent' }]);
  }
  return value ?? null;
}

import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { answerInTime } from '../batching/call.js';
import { BlockingService } from '../blocking.service.js';
import type { ChangeCall } from '../change-writer.js';
import { NotFoundError } from '../identity.errors.js';
import { PolicyDirectory } from '../policy-directory.js';
import { changeInTime, stateDryRun } from './change-answers.js';
import { ApiChangeProblems, ApiDeletionProblems } from './change-problems.js';
import {
  BlockedValueRequest,
  DeleteBlockedValueRequest,
  readBlockedValue,
} from './dto/blocked-value.request.js';
import { BlockedValueChangeResponse, BlockedValuesResponse } from './dto/blocked-value.response.js';
import { ETAG } from './dto/change.response.js';
import { ApiChangeParameters, ApiIdempotencyKey, Changing, Deleting } from './dto/change-call.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { ApiPage, idOf, readAfter, readLimit } from './dto/page.js';
import { readBody } from './dto/read-body.js';

const ID = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;

const EXAMPLES = {
  value: {
    summary: 'A value',
    value: {
      kind: 'phoneNumber',
      pattern: '0000000000',
      existing: 'split',
      reason: 'A placeholder of the form',
    },
  },
  preset: {
    summary: 'A preset',
    value: { preset: 'placeholders', existing: 'keep', reason: 'Before the first import' },
  },
};

/** Values that may not link anybody: placeholders, shared numbers. */
@ApiTags('blocked values')
@Controller('blocked-values')
export class BlockedValuesController {
  constructor(
    private readonly blocking: BlockingService,
    private readonly policies: PolicyDirectory,
    private readonly settings: Settings,
  ) {}

  @Post()
  @RequiresScope('curate')
  @ApiOperation({
    operationId: 'blockValue',
    summary: 'Keep a value from linking',
    description:
      'A sighting loses the value before it is decided on, and the answer says so in `ignored`; all replicas know it within five seconds. A value that is blocked already stays as it is: the same call with `split` finishes one that was interrupted. A dry run with `split` also tells what would be left of the identity that has the value.',
  })
  @ApiChangeParameters()
  @ApiBody({ type: BlockedValueRequest, examples: EXAMPLES })
  @ApiCreatedResponse({ type: BlockedValueChangeResponse, description: 'The value is blocked.' })
  @ApiOkResponse({
    type: BlockedValueChangeResponse,
    description: 'What would be blocked, after a dry run.',
    headers: ETAG,
  })
  @ApiChangeProblems({ 404: null })
  async block(
    @Changing() call: ChangeCall,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BlockedValueChangeResponse> {
    const request = await this.policies.reading(call.tenantId, ({ kinds }) =>
      readBlockedValue(body, kinds, this.settings),
    );
    const outcome = await changeInTime(call, this.blocking.block(call, request));
    stateDryRun(reply, outcome);
    const { kinds } = await this.policies.of(call.tenantId);
    return new BlockedValueChangeResponse(outcome, kinds);
  }

  @Get()
  @RequiresScope('read')
  @ApiOperation({ operationId: 'listBlockedValues', summary: 'List the values that may not link' })
  @ApiPage()
  @ApiOkResponse({ type: BlockedValuesResponse, description: 'The blocked values, the oldest first.' })
  @ApiProblems(
    {
      400: '`after` or `limit` is not valid.',
      503: 'The database is not available. Safe to repeat.',
    },
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async list(
    @TenantId() tenantId: number,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<BlockedValuesResponse> {
    const [after, limit] = [readAfter(cursor, idOf), readLimit(count)];
    return new BlockedValuesResponse(await answerInTime(this.blocking.list(tenantId, after, limit)));
  }

  @Delete(':id')
  @RequiresScope('curate')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'deleteBlockedValue',
    summary: 'Let a value link again',
    description:
      'On all replicas within five seconds. What was taken out of identities does not come back, and sightings that came before are not decided again.',
  })
  @ApiParam({ name: 'id', description: 'The id of the blocked value.', schema: ID, example: 3 })
  @ApiIdempotencyKey()
  @ApiBody({ type: DeleteBlockedValueRequest, required: false })
  @ApiNoContentResponse({ description: 'The value may link.' })
  @ApiDeletionProblems(
    { 404: 'There is no such blocked value, or it was deleted.' },
    new NotFoundError('blocked value', 3),
  )
  async delete(
    @Deleting() call: ChangeCall,
    @Param('id', new ContactIdPipe()) id: number,
    @Body() body: unknown,
  ): Promise<void> {
    const request = readBody(DeleteBlockedValueRequest, body, this.settings.unknownProperties);
    await changeInTime(call, this.blocking.unblock(call, id, request));
  }
}

import { Body, Controller, Get, Param, Post, Res, type StreamableFile } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiExtraModels,
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
import type { ChangeCall } from '../change-writer.js';
import { ErasureService } from '../erasure.service.js';
import { ErasureNotConfiguredError, NotFoundError, IdentifierNotFoundError } from '../identity.errors.js';
import { LARGE_CONTACTS } from '../large.js';
import { changeInTime, CONTACT_BYTES } from './change-answers.js';
import { ApiChangeProblems } from './change-problems.js';
import { ETAG } from './dto/change.response.js';
import { ApiChangeParameters, Changing } from './dto/change-call.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { PolicyDirectory } from '../policy-directory.js';
import { ErasureRequest, readErasure } from './dto/erasure.request.js';
import { ErasureResponse, PlannedErasureResponse } from './dto/erasure.response.js';
import { PlannedIdentityResponse } from './dto/planned-identity.response.js';
import { LargeAnswers } from './large-answers.js';

/** Erasing what is stored of a person. */
@ApiTags('personal data')
@ApiExtraModels(PlannedIdentityResponse)
@Controller('erasures')
export class ErasuresController {
  constructor(
    private readonly erasures: ErasureService,
    private readonly largeAnswers: LargeAnswers,
    private readonly settings: Settings,
    private readonly policies: PolicyDirectory,
  ) {}

  @Post()
  @RequiresScope('erase')
  @ApiOperation({
    operationId: 'erase',
    summary: 'Erase a person, or an identifier',
    description:
      'For good: contacts are removed, with their past, their merges, the rules about their identifiers, and the reasons of changes that name them. A keyed hash of each identifier stays, so that an old record, a late call or a restored backup does not bring it back. Make the dry run first: it shows whose data it is.',
  })
  @ApiChangeParameters()
  @ApiBody({ type: ErasureRequest })
  @ApiAcceptedResponse({
    type: ErasureResponse,
    description: 'The person is gone. What others may have stored of the identifiers is being looked for.',
  })
  @ApiOkResponse({
    type: PlannedErasureResponse,
    description: 'What would be erased, after a dry run.',
    headers: ETAG,
  })
  @ApiChangeProblems(
    {
      404: 'There never was such a contact, it was erased, or nobody has the identifier.',
      503: 'ERASURE_KEY is not set, the database is not available, too many calls change the identity at once, or the erasure takes longer than a call may wait and goes on. Safe to repeat with an Idempotency-Key.',
    },
    new IdentifierNotFoundError(),
    new ErasureNotConfiguredError(),
  )
  async create(
    @Changing() call: ChangeCall,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ErasureResponse | PlannedErasureResponse | StreamableFile> {
    const request = await this.policies.reading(call.tenantId, ({ kinds }) =>
      readErasure(body, this.settings, kinds),
    );
    if (!call.isDryRun) {
      const made = await changeInTime(call, this.erasures.create(call, request));
      void reply.status(202);
      return new ErasureResponse(made);
    }
    const planned = await changeInTime(call, this.erasures.plan(call, request));
    void reply.status(200).header('etag', planned.etag ?? '');
    const contacts = planned.identity?.secondaryContactIds.length ?? 0;
    const { kinds } = await this.policies.of(call.tenantId);
    const answer = new PlannedErasureResponse(planned, kinds);
    return contacts < LARGE_CONTACTS ? answer : this.largeAnswers.lists(contacts * CONTACT_BYTES, answer);
  }

  @Get(':id')
  @RequiresScope('erase')
  @ApiOperation({
    operationId: 'getErasure',
    summary: 'Get an erasure',
    description: 'How far it is. A minute after it was made it is done, if nothing holds it up.',
  })
  @ApiParam({
    name: 'id',
    description: 'The id of the erasure.',
    schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    example: 12,
  })
  @ApiOkResponse({ type: ErasureResponse, description: 'The erasure.' })
  @ApiProblems(
    {
      400: 'The id is not a whole number of at least 1.',
      404: 'There is no such erasure.',
      503: 'The database is not available. Safe to repeat.',
    },
    new NotFoundError('erasure', 12),
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async find(
    @TenantId() tenantId: number,
    @Param('id', new ContactIdPipe()) id: number,
  ): Promise<ErasureResponse> {
    return new ErasureResponse(await answerInTime(this.erasures.find(tenantId, id)));
  }
}

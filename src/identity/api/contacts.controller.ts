import { Controller, Delete, Get, HttpCode, Param, Query, type StreamableFile } from '@nestjs/common';
import {
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { answerInTime } from '../batching/call.js';
import { DeletionUnderWayError } from '../change.errors.js';
import { NotFoundError } from '../identity.errors.js';
import { LargeAnswers } from './large-answers.js';
import { PlainDeletion, type DeletionCall } from './dto/change-call.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { IdentityResponse } from './dto/identity.response.js';
import { readMoment } from './dto/moment.js';
import { PolicyDirectory } from '../policy-directory.js';
import { ReadingService } from '../reading.service.js';
import { ReconciliationService } from '../reconciliation.service.js';

const ID = {
  name: 'id',
  description: 'The id of a contact, primary or secondary.',
  schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  example: 1,
} as const;
const PROBLEMS = {
  400: 'The id is not a whole number of at least 1.',
  404: 'There is no such contact, or it was deleted.',
  503: 'The database is not available. Safe to repeat.',
};
const EXAMPLES = [
  new NotFoundError('contact', 4711),
  new DatabaseUnavailableError('the database is not reachable'),
] as const;

@ApiTags('contacts')
@Controller('contacts')
export class ContactsController {
  constructor(
    private readonly reconciliation: ReconciliationService,
    private readonly reading: ReadingService,
    private readonly largeAnswers: LargeAnswers,
    private readonly policies: PolicyDirectory,
  ) {}

  @Get(':id')
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'getContact',
    summary: 'Get the identity that a contact belongs to',
    description:
      'Today’s identity, also for a contact that was merged into another one. With `at`, the identity as it was at that moment: a change at the moment is part of it, and an imported contact counts from when it was imported.',
  })
  @ApiParam(ID)
  @ApiQuery({
    name: 'at',
    required: false,
    description: 'A moment, in ISO 8601 with a zone. It may have microseconds. Absent: now.',
    schema: { type: 'string', format: 'date-time' },
    example: '2026-11-25T18:30:00.000001Z',
  })
  @ApiOkResponse({ type: IdentityResponse, description: 'The identity of the contact.' })
  @ApiProblems(
    {
      ...PROBLEMS,
      400: 'The id is not a whole number of at least 1, or `at` is not a time.',
      404: 'There is no such contact, or it was deleted; with `at`: at that moment.',
    },
    ...EXAMPLES,
  )
  async find(
    @TenantId() tenantId: number,
    @Param('id', new ContactIdPipe()) id: number,
    @Query('at') time: unknown,
  ): Promise<IdentityResponse | StreamableFile> {
    const at = readMoment('at', time);
    const view = await answerInTime(
      at === null ? this.reconciliation.find(tenantId, id) : this.reading.findAt(tenantId, id, at),
    );
    if (view === null) {
      throw new NotFoundError('contact', id);
    }
    const { kinds } = await this.policies.of(tenantId);
    return this.largeAnswers.of(tenantId, new IdentityResponse(view, kinds));
  }

  @Delete(':id')
  @RequiresScope('delete')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'deleteContact',
    summary: 'Delete a contact',
    description:
      'Soft delete: from then on the contact matches nothing and appears in no answer. If it was the primary, the oldest remaining contact becomes the primary. Identifiers that no other contact of the identity has are free again. The rest of the identity stays together.',
  })
  @ApiParam(ID)
  @ApiNoContentResponse({ description: 'The contact is deleted.' })
  @ApiProblems(
    {
      ...PROBLEMS,
      400: 'The id is not a whole number of at least 1, or `dryRun` or `If-Match` was sent, which deletions do not take.',
      503: 'The database is not available, or did not answer in time. Safe to repeat; a 404 then says that the contact is deleted.',
      // The call needs no body, but a body that is sent is read before the route is called.
      413: 'The body is larger than 16 KiB; the call needs none.',
      415: 'The body is not JSON; the call needs none.',
    },
    ...EXAMPLES,
  )
  async delete(
    @PlainDeletion() { tenantId, requestId }: DeletionCall,
    @Param('id', new ContactIdPipe()) id: number,
  ): Promise<void> {
    const deletion = this.reconciliation.delete(tenantId, id, requestId);
    if (!(await answerInTime(deletion, () => new DeletionUnderWayError()))) {
      throw new NotFoundError('contact', id);
    }
  }
}

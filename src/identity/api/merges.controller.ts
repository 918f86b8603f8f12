import { Body, Controller, HttpCode, Param, Post, Res, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequiresScope } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import type { ChangeCall } from '../change-writer.js';
import { ChangesService } from '../changes.service.js';
import { DoNotLinkError } from '../identity.errors.js';
import { ChangeAnswers } from './change-answers.js';
import { ApiChange, type ChangeResponse } from './dto/change.response.js';
import { ApiChangeParameters, Changing } from './dto/change-call.js';
import { ApiChangeProblems } from './change-problems.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { MergeRequest } from './dto/merge.request.js';
import { UndoRequest } from './dto/undo.request.js';
import { NotFoundError } from '../identity.errors.js';
import { readBody } from './dto/read-body.js';
import { EXAMPLE_RULE } from './dto/rule.dto.js';

@ApiTags('changes')
@Controller('merges')
export class MergesController {
  constructor(
    private readonly changes: ChangesService,
    private readonly answers: ChangeAnswers,
    private readonly settings: Settings,
  ) {}

  @Post()
  @RequiresScope('curate')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'mergeIdentities',
    summary: 'Merge identities by hand',
    description:
      'The oldest contact becomes the primary of all. An edge of evidence joins the contact that is named first with each other one. If all are in one identity already, nothing is changed. If rules keep two of them apart, the answer is 409 and has the rules; with `force` they are deleted.',
  })
  @ApiChangeParameters()
  @ApiBody({ type: MergeRequest })
  @ApiChange('The one identity that they are now, or would be.')
  @ApiChangeProblems(
    { 409: 'Rules keep the identities apart, or a call with the same Idempotency-Key is under way.' },
    new DoNotLinkError([EXAMPLE_RULE]),
  )
  async merge(
    @Changing() call: ChangeCall,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangeResponse | StreamableFile> {
    const request = readBody(MergeRequest, body, this.settings.unknownProperties);
    return this.answers.of(call, reply, this.changes.merge(call, request));
  }

  @Post(':id/undo')
  @RequiresScope('curate')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'undoMerge',
    summary: 'Undo a merge',
    description:
      'The identity falls into the two that the merge joined. What came later goes with the side that it came to; what was deleted stays deleted. A rule keeps the two identifiers of the merge apart, so that it stays undone if they come together again; a merge by hand leaves none. If the merge was undone before, nothing is changed.',
  })
  @ApiParam({
    name: 'id',
    description: 'The id of the merge.',
    schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    example: 9,
  })
  @ApiChangeParameters()
  @ApiBody({ type: UndoRequest })
  @ApiChange('Both identities, that of the older primary first; one without live contacts is left out.')
  @ApiChangeProblems({ 404: 'There is no such merge.' }, new NotFoundError('merge', 4711))
  async undo(
    @Changing() call: ChangeCall,
    @Param('id', new ContactIdPipe()) id: number,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangeResponse | StreamableFile> {
    const request = readBody(UndoRequest, body, this.settings.unknownProperties);
    return this.answers.of(call, reply, this.changes.undo(call, id, request));
  }
}

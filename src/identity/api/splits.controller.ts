import { Body, Controller, HttpCode, Post, Res, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequiresScope } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import type { ChangeCall } from '../change-writer.js';
import { ChangesService } from '../changes.service.js';
import { NothingToSplitError } from '../identity.errors.js';
import { PolicyDirectory } from '../policy-directory.js';
import { ApiChangeProblems } from './change-problems.js';
import { ChangeAnswers } from './change-answers.js';
import { ApiChange, type ChangeResponse } from './dto/change.response.js';
import { ApiChangeParameters, Changing } from './dto/change-call.js';
import { readSplit, SplitRequest } from './dto/split.request.js';

@ApiTags('changes')
@Controller('splits')
export class SplitsController {
  constructor(
    private readonly changes: ChangesService,
    private readonly answers: ChangeAnswers,
    private readonly settings: Settings,
    private readonly policies: PolicyDirectory,
  ) {}

  @Post()
  @RequiresScope('curate')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'splitIdentity',
    summary: 'Take identifiers or contacts out of an identity',
    description:
      'What is named becomes an identity of its own. A contact that has only identifiers that leave goes with them. A contact with others too stays, and loses those that leave. An identifier that no contact takes along gets a contact of its own. Every two identifiers that came together and now lie apart get a rule, so that they stay apart.',
  })
  @ApiChangeParameters()
  @ApiBody({ type: SplitRequest })
  @ApiChange('The identity that stays, then the new one.')
  @ApiChangeProblems(
    {
      422: 'Nothing or everything would leave, something that was named is not in the identity, or the Idempotency-Key was used for another route or body.',
    },
    new NothingToSplitError('identifiers[0] is not in the identity of contactId.'),
  )
  async split(
    @Changing() call: ChangeCall,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangeResponse | StreamableFile> {
    const request = await this.policies.reading(call.tenantId, ({ kinds }) =>
      readSplit(body, this.settings, kinds),
    );
    return this.answers.of(call, reply, this.changes.split(call, request));
  }
}

import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { answerInTime } from '../batching/call.js';
import { ReadingService } from '../reading.service.js';
import { SIGHTING_BODY, SIGHTING_EXAMPLES } from './dto/identify.request.js';
import { LookupResponse } from './dto/lookup.response.js';
import { readSighting } from './dto/read-sighting.js';

@ApiTags('identity')
@Controller()
export class LookupController {
  constructor(
    private readonly reading: ReadingService,
    private readonly settings: Settings,
  ) {}

  @Post('lookup')
  @RequiresScope('read')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'lookUp',
    summary: 'Find the identities that have identifiers, without changing anything',
    description:
      'Takes what `POST /identify` takes. If two identities have the identifiers, both are shown, and not merged. If none has them, none is created.',
  })
  @ApiBody({ schema: SIGHTING_BODY, examples: SIGHTING_EXAMPLES })
  @ApiOkResponse({ type: LookupResponse, description: 'The identities that have one of the identifiers.' })
  @ApiProblems(
    {
      400: 'The body is malformed, or a field is invalid.',
      413: 'The body is larger than 16 KiB.',
      415: 'The body is not JSON in UTF-8, or is encoded.',
      503: 'The database is not available. Safe to repeat.',
    },
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async lookUp(@TenantId() tenantId: number, @Body() body: unknown): Promise<LookupResponse> {
    const sighting = readSighting(body, this.settings);
    return new LookupResponse(await answerInTime(this.reading.lookUp(tenantId, sighting)));
  }
}

import { Body, Controller, HttpCode, Post, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { answerInTime } from '../batching/call.js';
import { LARGE_CONTACTS } from '../large.js';
import { PolicyDirectory } from '../policy-directory.js';
import { ReadingService } from '../reading.service.js';
import { SIGHTING_BODY, SIGHTING_EXAMPLES } from './dto/identify.request.js';
import { LookupResponse } from './dto/lookup.response.js';
import { readSighting } from './dto/read-sighting.js';
import { LargeAnswers } from './large-answers.js';

/** Memory of a contact in an answer, roughly. */
const CONTACT_BYTES = 300;

@ApiTags('identity')
@Controller()
export class LookupController {
  constructor(
    private readonly reading: ReadingService,
    private readonly settings: Settings,
    private readonly largeAnswers: LargeAnswers,
    private readonly policies: PolicyDirectory,
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
  async lookUp(
    @TenantId() tenantId: number,
    @Body() body: unknown,
  ): Promise<LookupResponse | StreamableFile> {
    const sighting = await this.policies.reading(tenantId, ({ kinds }) =>
      readSighting(body, this.settings, kinds, { withRetired: true }),
    );
    const matches = await answerInTime(this.reading.lookUp(tenantId, sighting));
    const contacts = matches.reduce((sum, { view }) => sum + view.secondaryContactIds.length + 1, 0);
    const { kinds } = await this.policies.of(tenantId);
    const answer = new LookupResponse(matches, kinds);
    return contacts < LARGE_CONTACTS ? answer : this.largeAnswers.lists(contacts * CONTACT_BYTES, answer);
  }
}

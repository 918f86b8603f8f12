import { Body, Controller, HttpCode, Post, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { answerInTime } from '../batching/call.js';
import { NotFoundError, IdentifierNotFoundError } from '../identity.errors.js';
import { LARGE_CONTACTS } from '../large.js';
import { PolicyDirectory } from '../policy-directory.js';
import { SubjectAccessService } from '../subject-access.service.js';
import { readSubject, SubjectAccessRequest } from './dto/erasure.request.js';
import { SubjectAccessResponse } from './dto/subject-access.response.js';
import { LargeAnswers } from './large-answers.js';

/** Memory of a contact in an answer, with its past, roughly. */
const CONTACT_BYTES = 1_000;

@ApiTags('personal data')
@Controller('subject-access')
export class SubjectAccessController {
  constructor(
    private readonly subjects: SubjectAccessService,
    private readonly largeAnswers: LargeAnswers,
    private readonly policies: PolicyDirectory,
    private readonly settings: Settings,
  ) {}

  @Post()
  @RequiresScope('erase')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'getSubjectData',
    summary: 'Get all that is stored of a person',
    description:
      'The contacts of the identity, deleted ones too, with their past, merges, rules, reviews, and the changes that name them. Identifiers that belong to others are left out. Writes nothing.',
  })
  @ApiBody({ type: SubjectAccessRequest })
  @ApiOkResponse({ type: SubjectAccessResponse, description: 'All that is stored of the person.' })
  @ApiProblems(
    {
      400: 'The body is malformed, or a field is invalid.',
      404: 'There never was such a contact, it was erased, or nobody has the identifier.',
      413: 'The body is larger than 16 KiB.',
      415: 'The body is not JSON in UTF-8, or is encoded.',
      503: 'The database is not available. Safe to repeat.',
    },
    new InvalidRequestError([
      { field: 'contactId', message: 'one of contactId and identifier must be given, and not both' },
    ]),
    new NotFoundError('contact', 4711),
    new IdentifierNotFoundError(),
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async find(
    @TenantId() tenantId: number,
    @Body() body: unknown,
  ): Promise<SubjectAccessResponse | StreamableFile> {
    const subject = await this.policies.reading(tenantId, ({ kinds }) =>
      readSubject(body, this.settings, kinds),
    );
    const data = await answerInTime(this.subjects.of(tenantId, subject));
    const answer = new SubjectAccessResponse(data);
    const { length } = data.contacts;
    return length < LARGE_CONTACTS ? answer : this.largeAnswers.lists(length * CONTACT_BYTES, answer);
  }
}

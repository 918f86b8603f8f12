import { Body, Controller, Get, Put, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import { answerInTime } from '../batching/call.js';
import type { ChangeCall } from '../change-writer.js';
import { PreconditionFailedError, PreconditionRequiredError } from '../change.errors.js';
import { etagOf, PolicyService } from '../policy.service.js';
import { changeInTime } from './change-answers.js';
import { Changing, DRY_RUN } from './dto/change-call.js';
import { PolicyRequest, readPolicy } from './dto/policy.request.js';
import { PolicyChangeResponse, PolicyResponse } from './dto/policy.response.js';

const UNAVAILABLE = new DatabaseUnavailableError('the database is not reachable');
const ETAG = {
  ETag: {
    description: 'Stands for the version of the policy. Send it as `If-Match` to change that one.',
    schema: { type: 'string' as const },
    example: '"3"',
  },
};

/** The policy of a tenant: how far an identity may grow, and by which kinds of identifiers. */
@ApiTags('policy')
@Controller('policy')
export class PolicyController {
  constructor(
    private readonly policies: PolicyService,
    private readonly settings: Settings,
  ) {}

  @Get()
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'getPolicy',
    summary: 'See the limits and the kinds of identifiers',
    description: 'As they are stored. A change of them is in force on every replica within five seconds.',
  })
  @ApiOkResponse({ type: PolicyResponse, description: 'The policy.', headers: ETAG })
  @ApiProblems({ 503: 'The database is not available. Safe to repeat.' }, UNAVAILABLE)
  async show(
    @TenantId() tenantId: number,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolicyResponse> {
    const policy = await answerInTime(this.policies.read(tenantId));
    void reply.header('etag', etagOf(policy));
    return new PolicyResponse(policy);
  }

  @Put()
  @RequiresScope('admin')
  @ApiOperation({
    operationId: 'replacePolicy',
    summary: 'Change the limits and the kinds of identifiers',
    description:
      'Replaces all of them: what is absent gets its default. A kind that was declared can’t be removed or renamed, only retired. A lowered limit takes nothing apart: `exceeding` lists the identities above it, which may stay and not grow. In force on every replica within five seconds.',
  })
  @ApiQuery(DRY_RUN)
  @ApiHeader({
    name: 'If-Match',
    required: true,
    schema: { type: 'string' },
    example: '"3"',
    description:
      'The ETag of the policy that you have read: it is changed only if nobody else has changed it.',
  })
  @ApiBody({ type: PolicyRequest })
  @ApiOkResponse({
    type: PolicyChangeResponse,
    description: 'The policy as it is now, or would be after a dry run.',
    headers: ETAG,
  })
  @ApiProblems(
    {
      400: 'The body is malformed, a field or a parameter is invalid, or the policy can’t become that.',
      412: 'Somebody else has changed the policy since. Nothing was changed.',
      413: 'The body is larger than 16 KiB.',
      415: 'The body is not JSON in UTF-8, or is encoded.',
      428: '`If-Match` is missing. Nothing was changed.',
      503: 'The database is not available, or takes too long. Read the policy before you repeat the call.',
    },
    new InvalidRequestError([{ field: 'kinds[2].name', message: 'customerId is listed twice' }]),
    new PreconditionFailedError('policy'),
    new PreconditionRequiredError(),
    UNAVAILABLE,
  )
  async replace(
    @Changing() call: ChangeCall,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolicyChangeResponse> {
    const { wanted, reason } = readPolicy(body, this.settings.unknownProperties);
    const outcome = await changeInTime(call, this.policies.replace(call, wanted, reason));
    void reply.header('etag', etagOf(outcome.policy));
    return new PolicyChangeResponse(outcome);
  }
}

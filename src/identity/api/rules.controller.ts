import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { answerInTime } from '../batching/call.js';
import { changeInTime, stateDryRun } from './change-answers.js';
import type { ChangeCall } from '../change-writer.js';
import { ChangesService } from '../changes.service.js';
import { AlreadyLinkedError, NotFoundError } from '../identity.errors.js';
import { PolicyDirectory } from '../policy-directory.js';
import { ReadingService } from '../reading.service.js';
import { ApiChangeProblems, ApiDeletionProblems } from './change-problems.js';
import { ETAG } from './dto/change.response.js';
import { ApiChangeParameters, ApiIdempotencyKey, Changing, Deleting } from './dto/change-call.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { ApiPage, idOf, readAfter, readLimit } from './dto/page.js';
import { readBody } from './dto/read-body.js';
import { DeleteRuleRequest, readRule, RuleRequest } from './dto/rule.request.js';
import { RuleChangeResponse, RulesResponse } from './dto/rule.response.js';

const ID = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
const CONTACT = new ContactIdPipe('contactId');

/** Do-not-link rules: pairs of identifiers that must not come to lie in one identity. */
@ApiTags('rules')
@Controller('rules')
export class RulesController {
  constructor(
    private readonly changes: ChangesService,
    private readonly reading: ReadingService,
    private readonly settings: Settings,
    private readonly policies: PolicyDirectory,
  ) {}

  @Post()
  @RequiresScope('curate')
  @ApiOperation({
    operationId: 'makeRule',
    summary: 'Keep two identifiers apart',
    description:
      'Whichever identities have them may not become one, also if nobody has them yet. A sighting that would link them loses its weaker identifier, and the answer says so in `ignored`. If the rule is there already, nothing is changed.',
  })
  @ApiChangeParameters()
  @ApiBody({ type: RuleRequest })
  @ApiCreatedResponse({ type: RuleChangeResponse, description: 'The rule is in force.' })
  @ApiOkResponse({
    type: RuleChangeResponse,
    description: 'The rule that would be made, after a dry run.',
    headers: ETAG,
  })
  @ApiChangeProblems(
    {
      404: null,
      409: 'Both identifiers are in one identity, or a call with the same Idempotency-Key is under way.',
    },
    new AlreadyLinkedError(),
  )
  async make(
    @Changing() call: ChangeCall,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RuleChangeResponse> {
    const request = await this.policies.reading(call.tenantId, ({ kinds }) =>
      readRule(body, this.settings, kinds),
    );
    const outcome = await changeInTime(call, this.changes.makeRule(call, request));
    stateDryRun(reply, outcome);
    return new RuleChangeResponse(outcome);
  }

  @Get()
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'listRules',
    summary: 'List the rules, or those of an identity',
    description:
      'With `contactId` the rules about identifiers that the identity of the contact has today. A deleted contact counts if nobody has taken over its identifiers.',
  })
  @ApiQuery({
    name: 'contactId',
    required: false,
    description: 'A contact of the identity, primary or secondary, live or deleted. Absent: all rules.',
    schema: ID,
  })
  @ApiPage()
  @ApiOkResponse({ type: RulesResponse, description: 'The rules, the oldest first.' })
  @ApiProblems(
    {
      400: '`contactId`, `after` or `limit` is not valid.',
      404: 'There never was such a contact.',
      503: 'The database is not available. Safe to repeat.',
    },
    new NotFoundError('contact', 4711),
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async list(
    @TenantId() tenantId: number,
    @Query('contactId') contact: unknown,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<RulesResponse> {
    const contactId = contact === undefined ? null : CONTACT.transform(contact as string);
    const [after, limit] = [readAfter(cursor, idOf), readLimit(count)];
    return new RulesResponse(await answerInTime(this.reading.rules(tenantId, contactId, after, limit)));
  }

  @Delete(':id')
  @RequiresScope('curate')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'deleteRule',
    summary: 'Delete a rule',
    description:
      'From then on its identifiers may be linked again. Sightings that came before are not decided again.',
  })
  @ApiParam({ name: 'id', description: 'The id of the rule.', schema: ID, example: 3 })
  @ApiIdempotencyKey()
  @ApiBody({ type: DeleteRuleRequest, required: false })
  @ApiNoContentResponse({ description: 'The rule is deleted.' })
  @ApiDeletionProblems({ 404: 'There is no such rule, or it was deleted.' }, new NotFoundError('rule', 3))
  async delete(
    @Deleting() call: ChangeCall,
    @Param('id', new ContactIdPipe()) id: number,
    @Body() body: unknown,
  ): Promise<void> {
    const request = readBody(DeleteRuleRequest, body, this.settings.unknownProperties);
    await changeInTime(call, this.changes.deleteRule(call, id, request));
  }
}

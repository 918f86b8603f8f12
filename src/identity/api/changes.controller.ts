import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import { answerInTime } from '../batching/call.js';
import { CHANGE_KINDS, type ChangeKind } from '../domain/writes.js';
import { ChangeRecords } from '../store/change-records.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { changeKeyOf, ChangesResponse } from './dto/listed-change.response.js';
import { readMoment } from './dto/moment.js';
import { ApiPage, readAfter, readLimit } from './dto/page.js';

const CONTACT = new ContactIdPipe('contactId');
const ACTOR_MAX = 200;
const TIME = { type: 'string', format: 'date-time' } as const;

/** The audit: what was changed by hand, by whom and why. */
@ApiTags('changes')
@Controller('changes')
export class ChangesController {
  constructor(private readonly changes: ChangeRecords) {}

  @Get()
  @RequiresScope('curate')
  @ApiOperation({
    operationId: 'listChanges',
    summary: 'List who changed what, when and why',
    description:
      'Merges, undos, splits, deletions of identities, rules, blocked values, decisions on reviews, erasures, the policy and API keys: all that people and programs change on purpose. The latest first. Where few of many changes are asked for, a page may have fewer than `limit`, or none, and still a next one.',
  })
  @ApiQuery({
    name: 'kind',
    required: false,
    description: 'Only changes of this kind.',
    schema: { type: 'string', enum: [...CHANGE_KINDS] },
  })
  @ApiQuery({
    name: 'actor',
    required: false,
    description: 'Only what this actor changed: all of `actor`, or the id of the key alone.',
    schema: { type: 'string', minLength: 1, maxLength: ACTOR_MAX },
    example: 'k3v9q0w2x1z7',
  })
  @ApiQuery({
    name: 'contactId',
    required: false,
    description: 'Only changes that name this contact.',
    schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  })
  @ApiQuery({ name: 'from', required: false, description: 'Only changes from this moment on.', schema: TIME })
  @ApiQuery({ name: 'to', required: false, description: 'Only changes before this moment.', schema: TIME })
  @ApiPage()
  @ApiOkResponse({ type: ChangesResponse, description: 'A page of the changes.' })
  @ApiProblems(
    { 400: 'A parameter is not valid.', 503: 'The database is not available. Safe to repeat.' },
    new InvalidRequestError([{ field: 'kind', message: `kind must be one of ${CHANGE_KINDS.join(', ')}` }]),
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async list(
    @TenantId() tenantId: number,
    @Query('kind') kind: unknown,
    @Query('actor') actor: unknown,
    @Query('contactId') contact: unknown,
    @Query('from') from: unknown,
    @Query('to') to: unknown,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<ChangesResponse> {
    const filter = {
      kind: readKind(kind),
      actor: readActor(actor),
      contactId: contact === undefined ? null : CONTACT.transform(contact as string),
      from: readMoment('from', from),
      to: readMoment('to', to),
    };
    const [after, limit] = [readAfter(cursor, changeKeyOf), readLimit(count)];
    return new ChangesResponse(await answerInTime(this.changes.list(tenantId, filter, after, limit)));
  }
}

/** @throws {InvalidRequestError} if there is no such kind */
function readKind(value: unknown): ChangeKind | null {
  const kind = CHANGE_KINDS.find((each) => each === value) ?? null;
  if (value !== undefined && kind === null) {
    const message = `kind must be one of ${CHANGE_KINDS.join(', ')}`;
    throw new InvalidRequestError([{ field: 'kind', message }]);
  }
  return kind;
}

/** @throws {InvalidRequestError} if it can't be an actor */
function readActor(value: unknown): string | null {
  if (value === undefined) {
    return null;
  }
  if (typeof value !== 'string' || value.length > ACTOR_MAX || !/^[^\p{Cc}\p{Cs}]+$/u.test(value)) {
    const message = `actor must have 1 to ${ACTOR_MAX} characters, none of them a control character`;
    throw new InvalidRequestError([{ field: 'actor', message }]);
  }
  return value;
}

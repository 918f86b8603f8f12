import { Controller, Get, Param, Query, type StreamableFile } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { answerInTime } from '../batching/call.js';
import { NotFoundError } from '../identity.errors.js';
import { PolicyDirectory } from '../policy-directory.js';
import { ReadingService } from '../reading.service.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import {
  ConnectionResponse,
  ContactDto,
  EdgeDto,
  EVIDENCE_ANSWERS,
  EVIDENCE_SCHEMA,
  EvidenceResponse,
  SeparationResponse,
} from './dto/evidence.response.js';
import { eventOf, HistoryResponse } from './dto/history.response.js';
import { MergesResponse, UndoneBy } from './dto/merge.response.js';
import { ApiPage, idOf, readAfter, readLimit } from './dto/page.js';
import { LARGE_CONTACTS } from '../large.js';
import { MadeWhenSent } from './json-stream.js';
import { LargeAnswers } from './large-answers.js';

/** Memory of a contact with its edge, roughly. */
const CONTACT_BYTES = 1_000;

const CONTACT_ID = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
const ID = {
  name: 'id',
  description: 'The id of a contact, primary or secondary, live or deleted.',
  schema: CONTACT_ID,
  example: 1,
};
const TO = new ContactIdPipe('to');
const PROBLEMS = {
  404: 'There never was such a contact.',
  503: 'The database is not available. Safe to repeat.',
};
const EXAMPLES = [
  new NotFoundError('contact', 4711),
  new DatabaseUnavailableError('the database is not reachable'),
] as const;

/** Why contacts are one person, and what happened to them. */
@ApiTags('evidence')
@Controller()
export class EvidenceController {
  constructor(
    private readonly reading: ReadingService,
    private readonly largeAnswers: LargeAnswers,
    private readonly policies: PolicyDirectory,
  ) {}

  @Get('contacts/:id/evidence')
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'getEvidence',
    summary: 'Get why the contacts of an identity are one person',
    description:
      'Every contact attached to one that was there before, by a value that both carry, or a merge joined the two. So the contacts of an identity, deleted ones included, and these edges are a tree. With `to`, the answer is the one path between two contacts; if they are not one person, it is what keeps them apart.',
  })
  @ApiParam(ID)
  @ApiQuery({
    name: 'to',
    required: false,
    description: 'Another contact, live or deleted: explains why the two are one person.',
    schema: CONTACT_ID,
  })
  @ApiExtraModels(...EVIDENCE_ANSWERS, UndoneBy)
  @ApiOkResponse({
    schema: EVIDENCE_SCHEMA,
    description:
      'The evidence of the identity; with `to`, the path between both contacts or what keeps them apart.',
  })
  @ApiProblems({ ...PROBLEMS, 400: 'The id or `to` is not a whole number of at least 1.' }, ...EXAMPLES)
  async evidence(
    @TenantId() tenantId: number,
    @Param('id', new ContactIdPipe()) id: number,
    @Query('to') to: unknown,
  ): Promise<EvidenceResponse | ConnectionResponse | SeparationResponse | StreamableFile> {
    if (to !== undefined) {
      return this.explain(tenantId, id, TO.transform(to as string));
    }
    const { contacts, edges } = await answerInTime(this.reading.evidence(tenantId, id));
    const { kinds } = await this.policies.of(tenantId);
    return contacts.length < LARGE_CONTACTS
      ? new EvidenceResponse(contacts, edges, kinds)
      : this.largeAnswers.lists(contacts.length * CONTACT_BYTES, {
          contacts: new MadeWhenSent(contacts, (contact) => new ContactDto(contact, kinds)),
          edges: new MadeWhenSent(edges, (edge) => new EdgeDto(edge)),
        } satisfies Record<keyof EvidenceResponse, unknown>);
  }

  private async explain(
    tenantId: number,
    fromId: number,
    toId: number,
  ): Promise<ConnectionResponse | SeparationResponse> {
    const found = await answerInTime(this.reading.explain(tenantId, fromId, toId));
    const { kinds } = await this.policies.of(tenantId);
    return 'path' in found
      ? new ConnectionResponse(found.path, found.contacts, kinds)
      : new SeparationResponse(found.rules, found.undoneMerges);
  }

  @Get('contacts/:id/history')
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'getHistory',
    summary: 'List what happened to an identity',
    description:
      'To the contacts that belong to it today, deleted ones included, and to the merges that ever joined one of them to another. Imported contacts were created when they were imported.',
  })
  @ApiParam(ID)
  @ApiPage()
  @ApiOkResponse({ type: HistoryResponse, description: 'The events, the oldest first.' })
  @ApiProblems({ ...PROBLEMS, 400: 'The id, `after` or `limit` is not valid.' }, ...EXAMPLES)
  async history(
    @TenantId() tenantId: number,
    @Param('id', new ContactIdPipe()) id: number,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<HistoryResponse> {
    const [after, limit] = [readAfter(cursor, eventOf), readLimit(count)];
    return new HistoryResponse(await answerInTime(this.reading.history(tenantId, id, after, limit)));
  }

  @Get('merges')
  @RequiresScope('read')
  @ApiOperation({
    operationId: 'listMerges',
    summary: 'List the merges of an identity',
    description:
      'The merges that ever joined a contact of today’s identity to another one. A merge that was undone is listed for the identities of both sides.',
  })
  @ApiQuery({
    name: 'contactId',
    required: true,
    description: 'A contact of the identity, primary or secondary, live or deleted.',
    schema: CONTACT_ID,
  })
  @ApiPage()
  @ApiOkResponse({ type: MergesResponse, description: 'The merges, the oldest first.' })
  @ApiProblems({ ...PROBLEMS, 400: '`contactId`, `after` or `limit` is not valid.' }, ...EXAMPLES)
  async merges(
    @TenantId() tenantId: number,
    @Query('contactId', new ContactIdPipe('contactId')) id: number,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<MergesResponse> {
    const [after, limit] = [readAfter(cursor, idOf), readLimit(count)];
    return new MergesResponse(await answerInTime(this.reading.merges(tenantId, id, after, limit)));
  }
}

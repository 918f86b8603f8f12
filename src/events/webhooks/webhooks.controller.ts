import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { ContactIdPipe } from '../../identity/api/dto/contact-id.pipe.js';
import {
  ApiNewest,
  ApiPage,
  idOf,
  readAfter,
  readIsNewestFirst,
  readLimit,
} from '../../identity/api/dto/page.js';
import { answerInTime } from '../../identity/batching/call.js';
import { CursorExpiredError } from '../event.errors.js';
import { DELIVERY_STATES } from './delivery-records.js';
import { DeliveriesResponse, ReplayedResponse, WebhookTestResponse } from './dto/delivery.response.js';
import {
  readReplay,
  readState,
  readWebhook,
  readWebhookChange,
  ReplayRequest,
  WebhookChangeRequest,
  WebhookRequest,
} from './dto/webhook.request.js';
import { WebhookDto, WebhooksResponse, WebhookWithSecretDto } from './dto/webhook.response.js';
import { WebhookLimitError, WebhookNotFoundError, WebhooksNotConfiguredError } from './webhook.errors.js';
import { WEBHOOKS_MAX, WebhooksService } from './webhooks.service.js';

const ID = new ContactIdPipe();
const OF_PATH = {
  name: 'id',
  description: 'The id of the webhook.',
  schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  example: 3,
} as const;
const NOT_FOUND = new WebhookNotFoundError(3);
const UNAVAILABLE = new DatabaseUnavailableError('the database is not reachable');
const PROBLEMS = {
  400: 'The id is not valid.',
  404: 'There is no such webhook, or it was deleted.',
  503: 'The database is not available. Safe to repeat.',
} as const;
const WITH_BODY = { 413: 'The body is too large.', 415: 'The body is not JSON in UTF-8.' } as const;
const NO_KEY = 'There is no WEBHOOK_KEY, or the database is not available.';

/** Where events are sent to. */
@ApiTags('webhooks')
@Controller('webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly settings: Settings,
  ) {}

  @Post()
  @RequiresScope('events')
  @ApiOperation({
    operationId: 'createWebhook',
    summary: 'Make a webhook',
    description:
      'From now on events are sent there, signed as Standard Webhooks 1.0 says. They may arrive twice and out of order. The answer has the secret, which is not shown again.',
  })
  @ApiBody({ type: WebhookRequest })
  @ApiCreatedResponse({ type: WebhookWithSecretDto, description: 'The webhook with its secret.' })
  @ApiProblems(
    {
      400: 'A field is not valid, or `url` leads where a webhook may not.',
      409: `The tenant has ${WEBHOOKS_MAX} webhooks.`,
      ...WITH_BODY,
      503: NO_KEY,
    },
    new WebhookLimitError(WEBHOOKS_MAX),
    new WebhooksNotConfiguredError(),
  )
  async create(@TenantId() tenantId: number, @Body() body: unknown): Promise<WebhookWithSecretDto> {
    const terms = readWebhook(body, this.settings.unknownProperties);
    return new WebhookWithSecretDto(await answerInTime(this.webhooks.create(tenantId, terms)));
  }

  @Get()
  @RequiresScope('events')
  @ApiOperation({ operationId: 'listWebhooks', summary: 'List the webhooks' })
  @ApiPage()
  @ApiOkResponse({ type: WebhooksResponse, description: 'The webhooks, the oldest first.' })
  @ApiProblems({ 400: '`after` or `limit` is not valid.', 503: PROBLEMS[503] }, UNAVAILABLE)
  async list(
    @TenantId() tenantId: number,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<WebhooksResponse> {
    const [after, limit] = [readAfter(cursor, idOf), readLimit(count)];
    return new WebhooksResponse(await answerInTime(this.webhooks.list(tenantId, after, limit)));
  }

  @Get(':id')
  @RequiresScope('events')
  @ApiOperation({ operationId: 'getWebhook', summary: 'Show a webhook' })
  @ApiParam(OF_PATH)
  @ApiOkResponse({ type: WebhookDto, description: 'The webhook, without its secret.' })
  @ApiProblems(PROBLEMS, NOT_FOUND, UNAVAILABLE)
  async find(@TenantId() tenantId: number, @Param('id', ID) id: number): Promise<WebhookDto> {
    return new WebhookDto(await answerInTime(this.webhooks.find(tenantId, id)));
  }

  @Patch(':id')
  @RequiresScope('events')
  @ApiOperation({
    operationId: 'updateWebhook',
    summary: 'Change, disable or enable a webhook',
    description:
      'Attempts under way go where the webhook led before. Enabled again, or with another URL, it has five days again to succeed.',
  })
  @ApiParam(OF_PATH)
  @ApiBody({ type: WebhookChangeRequest })
  @ApiOkResponse({ type: WebhookDto, description: 'The webhook as it is now.' })
  @ApiProblems({ ...PROBLEMS, 400: 'The id or a field is not valid.', ...WITH_BODY }, NOT_FOUND, UNAVAILABLE)
  async change(
    @TenantId() tenantId: number,
    @Param('id', ID) id: number,
    @Body() body: unknown,
  ): Promise<WebhookDto> {
    const change = readWebhookChange(body, this.settings.unknownProperties);
    return new WebhookDto(await answerInTime(this.webhooks.change(tenantId, id, change)));
  }

  @Delete(':id')
  @RequiresScope('events')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'deleteWebhook',
    summary: 'Delete a webhook',
    description:
      'Nothing is sent to it from now on, but for attempts that are under way. Its deliveries are deleted too.',
  })
  @ApiParam(OF_PATH)
  @ApiNoContentResponse({ description: 'The webhook is deleted.' })
  @ApiProblems({ ...PROBLEMS, ...WITH_BODY }, NOT_FOUND, UNAVAILABLE)
  async delete(@TenantId() tenantId: number, @Param('id', ID) id: number): Promise<void> {
    await answerInTime(this.webhooks.delete(tenantId, id));
  }

  @Post(':id/rotate-secret')
  @RequiresScope('events')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'rotateWebhookSecret',
    summary: 'Give a webhook another secret',
    description:
      'For 24 hours both secrets sign, so the receiver can change over without losing anything. Rotate twice to be rid of a secret at once.',
  })
  @ApiParam(OF_PATH)
  @ApiOkResponse({ type: WebhookWithSecretDto, description: 'The webhook with its new secret.' })
  @ApiProblems({ ...PROBLEMS, ...WITH_BODY, 503: NO_KEY }, NOT_FOUND, new WebhooksNotConfiguredError())
  async rotateSecret(
    @TenantId() tenantId: number,
    @Param('id', ID) id: number,
  ): Promise<WebhookWithSecretDto> {
    return new WebhookWithSecretDto(await answerInTime(this.webhooks.rotateSecret(tenantId, id)));
  }

  @Post(':id/test')
  @RequiresScope('events')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'testWebhook',
    summary: 'Send a test event now',
    description:
      'A signed event of the type `webhook.test`, also to a webhook that is disabled. The answer says what the receiver said, and comes after 10 seconds at the latest.',
  })
  @ApiParam(OF_PATH)
  @ApiOkResponse({
    type: WebhookTestResponse,
    description: 'What the receiver said, or why it said nothing.',
  })
  @ApiProblems(
    {
      ...PROBLEMS,
      ...WITH_BODY,
      503: 'Too many webhooks are being tested, or the database is not available.',
    },
    NOT_FOUND,
    new OverloadedError('too many webhooks are being tested'),
  )
  async test(@TenantId() tenantId: number, @Param('id', ID) id: number): Promise<WebhookTestResponse> {
    return new WebhookTestResponse(await this.webhooks.test(tenantId, id));
  }

  @Get(':id/deliveries')
  @RequiresScope('events')
  @ApiOperation({ operationId: 'listDeliveries', summary: 'List the deliveries of a webhook' })
  @ApiParam(OF_PATH)
  @ApiQuery({
    name: 'state',
    required: false,
    description: 'Only those in this state.',
    schema: { type: 'string', enum: [...DELIVERY_STATES] },
  })
  @ApiNewest('`newest`: those of the newest events first. Absent: in the order of their events.')
  @ApiPage()
  @ApiOkResponse({ type: DeliveriesResponse, description: 'A page of the deliveries.' })
  @ApiProblems(
    { ...PROBLEMS, 400: 'The id, `state`, `order`, `after` or `limit` is not valid.' },
    NOT_FOUND,
    UNAVAILABLE,
  )
  async listDeliveries(
    @TenantId() tenantId: number,
    @Param('id', ID) id: number,
    @Query('state') inState: unknown,
    @Query('order') order: unknown,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<DeliveriesResponse> {
    const [state, after, limit] = [readState(inState), readAfter(cursor, idOf), readLimit(count)];
    const page = await answerInTime(
      this.webhooks.listDeliveries(tenantId, id, state, after, limit, readIsNewestFirst(order)),
    );
    return new DeliveriesResponse(page);
  }

  @Post(':id/replay')
  @RequiresScope('events')
  @HttpCode(202)
  @ApiOperation({
    operationId: 'replayDeliveries',
    summary: 'Deliver events again',
    description:
      'Those of a range, or those whose deliveries are in a state, or both. They keep their ids, so a receiver that knows them does nothing. A large range takes several calls.',
  })
  @ApiParam(OF_PATH)
  @ApiBody({ type: ReplayRequest, required: false })
  @ApiAcceptedResponse({ type: ReplayedResponse, description: 'They are due now.' })
  @ApiProblems(
    {
      ...PROBLEMS,
      400: 'The id or a field is not valid.',
      410: 'Not all events of the range are kept.',
      ...WITH_BODY,
    },
    NOT_FOUND,
    new CursorExpiredError(),
    UNAVAILABLE,
  )
  async replay(
    @TenantId() tenantId: number,
    @Param('id', ID) id: number,
    @Body() body: unknown,
  ): Promise<ReplayedResponse> {
    const range = readReplay(body, this.settings.unknownProperties);
    return new ReplayedResponse(await answerInTime(this.webhooks.replay(tenantId, id, range)));
  }
}

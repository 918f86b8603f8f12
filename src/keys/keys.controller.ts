import {
  Body,
  Controller,
  createParamDecorator,
  Delete,
  Get,
  HttpCode,
  Module,
  Param,
  Post,
  Query,
  type ExecutionContext,
} from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { DatabaseUnavailableError } from '../database/session/unavailable.js';
import { ApiProblems } from '../http/problems/api-problem.decorator.js';
import { InvalidRequestError } from '../http/problems/problem.errors.js';
import { readChangeCall } from '../identity/api/dto/change-call.js';
import { ApiPage, readAfter, readLimit } from '../identity/api/dto/page.js';
import { answerInTime } from '../identity/batching/call.js';
import { IdempotencyKeyReusedError } from '../identity/change.errors.js';
import { IdentityModule } from '../identity/identity.module.js';
import { callerOf, RequiresScope, TenantId } from '../access/access.js';
import { AuthModule } from '../access/auth.module.js';
import {
  KeyRequest,
  readKey,
  readKeyId,
  readRevocation,
  readRotation,
  RevokeKeyRequest,
  RotateKeyRequest,
} from './dto/key.request.js';
import { KeysResponse, NewKeyDto, placeOf, RotatedKeyDto } from './dto/key.response.js';
import { KeyEndedError, KeyLimitError, KeyNotFoundError, OwnKeyError } from './key.errors.js';
import { KEYS_MAX, KeysService, type KeyCall } from './keys.service.js';

/** The call for a change of keys, but for its reason. It takes no `dryRun` and no `If-Match`: to ignore them would make the change. */
const ChangingKeys = createParamDecorator(
  (_: unknown, context: ExecutionContext): Omit<KeyCall, 'reason'> => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { isDryRun, ifMatch, tenantId, actor, route, idempotencyKey } = readChangeCall(request);
    if (isDryRun || ifMatch !== null) {
      const field = isDryRun ? 'dryRun' : 'If-Match';
      throw new InvalidRequestError([{ field, message: `keys take no ${field}; nothing was changed` }]);
    }
    const { keyId, callsPerMinute } = callerOf(request);
    return { tenantId, actor, route, idempotencyKey, keyId, callsPerMinute };
  },
);

const OF_PATH = {
  name: 'id',
  description: 'The public id of the key.',
  schema: { type: 'string', pattern: '^[a-z0-9]{12}$' },
  example: 'k3v9q0w2x1z7',
} as const;
const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
  description:
    'The same key, route and body again within 24 hours make no second key: 409 names the first one, which is not shown again.',
} as const;
const UNAVAILABLE = new DatabaseUnavailableError('the database is not reachable');
const WITH_BODY = { 413: 'The body is too large.', 415: 'The body is not JSON in UTF-8.' } as const;
const REUSED = { 422: 'The Idempotency-Key was used for another route or body.' } as const;
const SAFE = 'The database is not available. Safe to repeat.';
const SAFE_WITH_KEY = 'The database is not available. Safe to repeat with an Idempotency-Key.';

/** The API keys of the tenant of the caller. */
@ApiTags('keys')
@Controller('keys')
export class KeysController {
  constructor(
    private readonly keys: KeysService,
    private readonly settings: Settings,
  ) {}

  @Get()
  @RequiresScope('admin')
  @ApiOperation({
    operationId: 'listKeys',
    summary: 'List the API keys',
    description: 'Those of the own tenant, also expired and revoked ones. No key is shown.',
  })
  @ApiPage()
  @ApiOkResponse({ type: KeysResponse, description: 'A page of the keys.' })
  @ApiProblems({ 400: '`after` or `limit` is not valid.', 503: SAFE }, UNAVAILABLE)
  async list(
    @TenantId() tenantId: number,
    @Query('after') cursor: unknown,
    @Query('limit') count: unknown,
  ): Promise<KeysResponse> {
    const [after, limit] = [readAfter(cursor, placeOf), readLimit(count)];
    return new KeysResponse(await answerInTime(this.keys.list(tenantId, after, limit)));
  }

  @Post()
  @RequiresScope('admin')
  @ApiOperation({
    operationId: 'createKey',
    summary: 'Make an API key',
    description:
      'It belongs to the own tenant and works at once. The answer has the key, which is not shown again. It may make at most as many calls as the key that makes it.',
  })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiBody({ type: KeyRequest })
  @ApiCreatedResponse({ type: NewKeyDto, description: 'The key.' })
  @ApiProblems(
    {
      400: 'A field, a parameter or a header is not valid.',
      409: `The tenant has ${KEYS_MAX} keys that work, or the call was made before.`,
      ...WITH_BODY,
      ...REUSED,
      503: SAFE_WITH_KEY,
    },
    new InvalidRequestError([{ field: 'name', message: 'name must have 1 to 100 characters' }]),
    new KeyLimitError(KEYS_MAX),
    new IdempotencyKeyReusedError(),
    UNAVAILABLE,
  )
  async create(@ChangingKeys() call: Omit<KeyCall, 'reason'>, @Body() body: unknown): Promise<NewKeyDto> {
    const { terms, reason } = readKey(body, this.settings.unknownProperties);
    return new NewKeyDto(await answerInTime(this.keys.create({ ...call, reason }, terms)));
  }

  @Post(':id/rotate')
  @RequiresScope('admin')
  @ApiOperation({
    operationId: 'rotateKey',
    summary: 'Make a successor of an API key',
    description:
      'It has the same name, scopes, limit and end. The old key works for another day, or for `overlapSeconds`. The answer has the new key, which is not shown again.',
  })
  @ApiParam(OF_PATH)
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiBody({ type: RotateKeyRequest, required: false })
  @ApiCreatedResponse({ type: RotatedKeyDto, description: 'The successor, and the old key.' })
  @ApiProblems(
    {
      400: 'The id, a field, a parameter or a header is not valid.',
      404: 'The tenant has no such key.',
      409: 'The key no longer works, there are too many, or the call was made before.',
      ...WITH_BODY,
      ...REUSED,
      503: SAFE_WITH_KEY,
    },
    new KeyNotFoundError(OF_PATH.example),
    new KeyEndedError(OF_PATH.example),
    new IdempotencyKeyReusedError(),
    UNAVAILABLE,
  )
  async rotate(
    @ChangingKeys() call: Omit<KeyCall, 'reason'>,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<RotatedKeyDto> {
    const { overlapSeconds, reason } = readRotation(body, this.settings.unknownProperties);
    const rotated = this.keys.rotate({ ...call, reason }, readKeyId(id), overlapSeconds);
    return new RotatedKeyDto(await answerInTime(rotated));
  }

  @Delete(':id')
  @RequiresScope('admin')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'revokeKey',
    summary: 'Revoke an API key',
    description:
      'For good, on every replica within five seconds, with its sessions of the console. The key that makes the call can’t revoke itself, so one that administers stays. A key that was revoked before stays as it is.',
  })
  @ApiParam(OF_PATH)
  @ApiBody({ type: RevokeKeyRequest, required: false })
  @ApiNoContentResponse({ description: 'The key is revoked.' })
  @ApiProblems(
    {
      400: 'The id, a field, a parameter or a header is not valid.',
      404: 'The tenant has no such key.',
      409: 'It is the key that makes the call.',
      ...WITH_BODY,
      503: SAFE,
    },
    new KeyNotFoundError(OF_PATH.example),
    new OwnKeyError(),
    UNAVAILABLE,
  )
  async revoke(
    @ChangingKeys() call: Omit<KeyCall, 'reason'>,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<void> {
    const reason = readRevocation(body, this.settings.unknownProperties);
    await answerInTime(this.keys.revoke({ ...call, reason }, readKeyId(id)));
  }
}

/** API keys over HTTP. */
@Module({ imports: [AuthModule, IdentityModule], controllers: [KeysController], providers: [KeysService] })
export class KeysModule {}

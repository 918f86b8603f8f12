import { Body, Controller, HttpCode, Post, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiExtraModels, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { Settings } from '../../config/settings.js';
import { SIGHTING_BODY, SIGHTING_EXAMPLES, SIGHTINGS } from './dto/identify.request.js';
import { IdentityResponse } from './dto/identity.response.js';
import { readSighting } from './dto/read-sighting.js';
import { LargeAnswers } from './large-answers.js';
import { answerInTime } from '../batching/call.js';
import { SightingBatcher } from '../batching/sighting-batcher.js';
import { ReconciliationService } from '../reconciliation.service.js';
import { admit } from '../domain/policy.js';
import { IdentifiersBlockedError } from '../identity.errors.js';
import { PolicyDirectory } from '../policy-directory.js';
import { DRY_RUN, IsDryRun } from './dto/change-call.js';
import {
  IDENTIFY_ANSWERS,
  IDENTIFY_SCHEMA,
  IdentifyDryRunResponse,
} from './dto/identify-dry-run.response.js';

@ApiTags('identity')
@Controller()
export class IdentityController {
  constructor(
    private readonly batcher: SightingBatcher,
    private readonly reconciliation: ReconciliationService,
    private readonly settings: Settings,
    private readonly largeAnswers: LargeAnswers,
    private readonly policies: PolicyDirectory,
  ) {}

  @Post('identify')
  @RequiresScope('identify')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'identify',
    summary: 'Link identifiers to one identity, and get all that is known of it',
    description:
      'Unknown identifiers create a primary contact. If one is known and one is new, a secondary contact is created. If they are known in two identities, these are merged, and the oldest contact becomes the primary of all. If all are known in one identity, nothing is written. Safe to repeat.',
  })
  @ApiExtraModels(...SIGHTINGS, ...IDENTIFY_ANSWERS)
  @ApiQuery(DRY_RUN)
  @ApiBody({ schema: SIGHTING_BODY, examples: SIGHTING_EXAMPLES })
  @ApiOkResponse({
    schema: IDENTIFY_SCHEMA,
    description:
      'The identity that the identifiers belong to. After a dry run, the one that they would belong to, and what the call would do.',
  })
  @ApiProblems(
    {
      400: 'The body is malformed, or a field or `dryRun` is invalid.',
      413: 'The body is larger than 16 KiB.',
      415: 'The body is not JSON in UTF-8, or is encoded.',
      422: 'None of the identifiers may link anybody: all are blocked.',
      503: 'The database is not available, or too many calls change the identity at once. Safe to repeat.',
    },
    new IdentifiersBlockedError([{ kind: 'email' }]),
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async identify(
    @TenantId() tenantId: number,
    @IsDryRun() isDryRun: boolean,
    @Body() body: unknown,
  ): Promise<IdentityResponse | IdentifyDryRunResponse | StreamableFile> {
    const receivedAt = performance.now();
    const read = this.policies.reading(tenantId, (policy) =>
      admit(policy, { ...readSighting(body, this.settings, policy.kinds), receivedAt }),
    );
    const sighting = read instanceof Promise ? await read : read;
    if (sighting.identifiers.length === 0) {
      throw new IdentifiersBlockedError(sighting.leftOut ?? []);
    }
    if (isDryRun) {
      const preview = await answerInTime(this.reconciliation.preview(tenantId, sighting));
      const { kinds } = await this.policies.of(tenantId);
      return this.largeAnswers.of(tenantId, new IdentifyDryRunResponse(preview, kinds));
    }
    const view = await this.batcher.identify(tenantId, sighting);
    // Not the policy from before: the identity may have a kind that was declared since.
    const policy = this.policies.of(tenantId);
    const { kinds } = policy instanceof Promise ? await policy : policy;
    return this.largeAnswers.of(tenantId, new IdentityResponse(view, kinds));
  }
}

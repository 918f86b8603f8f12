import { Body, Controller, HttpCode, Post, type StreamableFile } from '@nestjs/common';
import {
  ApiBody,
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { RequiresScope, TenantId } from '../../access/access.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import { InvalidRequestError } from '../../http/problems/problem.errors.js';
import type { FieldError } from '../../http/problems/problem.js';
import { Settings } from '../../config/settings.js';
import { SIGHTING_BODY, SIGHTING_EXAMPLES, SIGHTINGS } from './dto/identify.request.js';
import { IdentityResponse } from './dto/identity.response.js';
import { readGoodPart, readSighting, type GoodPart } from './dto/read-sighting.js';
import { LargeAnswers } from './large-answers.js';
import { answerInTime } from '../batching/call.js';
import { SightingBatcher } from '../batching/sighting-batcher.js';
import { ReconciliationService } from '../reconciliation.service.js';
import type { Sighting } from '../domain/contact.js';
import { admit } from '../domain/policy.js';
import { IdentifiersBlockedError } from '../identity.errors.js';
import { PolicyDirectory } from '../policy-directory.js';
import { DRY_RUN } from './dto/change-call.js';
import { Calling, PREFER, PREFERENCE_APPLIED, type IdentifyCall } from './dto/identify-call.js';
import {
  IDENTIFY_ANSWERS,
  IDENTIFY_SCHEMA,
  IdentifyDryRunResponse,
} from './dto/identify-dry-run.response.js';

const NO_MISTAKES: readonly FieldError[] = [];

/** When a call arrived, and its id */
type Received = Pick<Sighting, 'receivedAt' | 'requestId'>;

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
  @ApiHeader(PREFER)
  @ApiBody({ schema: SIGHTING_BODY, examples: SIGHTING_EXAMPLES })
  @ApiOkResponse({
    schema: IDENTIFY_SCHEMA,
    description:
      'The identity that the identifiers belong to. After a dry run, the one that they would belong to, and what the call would do.',
    headers: PREFERENCE_APPLIED,
  })
  @ApiProblems(
    {
      400: 'The body is malformed, or a field or `dryRun` is invalid. With `Prefer: handling=lenient`, no identifier is valid.',
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
    @Calling() { isDryRun, isLenient, requestId, stateLeniency }: IdentifyCall,
    @Body() body: unknown,
  ): Promise<IdentityResponse | IdentifyDryRunResponse | StreamableFile> {
    const call = { receivedAt: performance.now(), requestId };
    let sighting: Sighting;
    let mistakes: readonly FieldError[] = NO_MISTAKES;
    if (isLenient) {
      ({ sighting, mistakes } = await this.readLeniently(tenantId, body, call));
    } else {
      const read = this.read(tenantId, body, call);
      sighting = read instanceof Promise ? await read : read;
    }
    if (sighting.identifiers.length === 0) {
      throw new IdentifiersBlockedError(sighting.leftOut ?? [], mistakes);
    }
    if (isDryRun) {
      const preview = await answerInTime(this.reconciliation.preview(tenantId, sighting));
      const { kinds } = await this.policies.of(tenantId);
      stateLeniency();
      return this.largeAnswers.of(tenantId, new IdentifyDryRunResponse(preview, kinds, mistakes));
    }
    const view = await this.batcher.identify(tenantId, sighting);
    // Not the policy from before: the identity may have a kind that was declared since.
    const policy = this.policies.of(tenantId);
    const { kinds } = policy instanceof Promise ? await policy : policy;
    stateLeniency();
    return this.largeAnswers.of(tenantId, new IdentityResponse(view, kinds, mistakes));
  }

  private read(tenantId: number, body: unknown, call: Received): Sighting | Promise<Sighting> {
    return this.policies.reading(tenantId, (policy) => {
      const { identifiers } = readSighting(body, this.settings, policy.kinds);
      return admit(policy, { identifiers, ...call });
    });
  }

  /** Strictly first: only then a kind that is not known here is looked up once more. */
  private async readLeniently(
    tenantId: number,
    body: unknown,
    call: Received,
  ): Promise<Omit<GoodPart, 'isUndeclared'>> {
    try {
      return { sighting: await this.read(tenantId, body, call), mistakes: NO_MISTAKES };
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) {
        throw error;
      }
      const policy = await this.policies.of(tenantId);
      const { sighting, mistakes } = readGoodPart(body, this.settings, policy.kinds);
      if (sighting.identifiers.length === 0) {
        throw error;
      }
      return { sighting: admit(policy, { ...sighting, ...call }), mistakes };
    }
  }
}

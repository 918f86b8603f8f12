import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBody,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { RequiresScope } from '../../access/access.js';
import { TenantId } from '../../access/caller.js';
import { DatabaseUnavailableError } from '../../database/session/unavailable.js';
import { ApiProblems } from '../../http/problems/api-problem.decorator.js';
import type { Sighting } from '../domain/contact.js';
import { IdentifyRequest } from './dto/identify.request.js';
import { IdentityResponse } from './dto/identity.response.js';
import { SightingPipe } from './dto/sighting.pipe.js';
import { SightingBatcher } from '../batching/sighting-batcher.js';

/** The one rule that concerns two fields, and so has no place in the request's own schema. */
const AT_LEAST_ONE = {
  allOf: [{ $ref: getSchemaPath(IdentifyRequest) }],
  anyOf: [given('email', ['string']), given('phoneNumber', ['string', 'integer'])],
};
const EXAMPLES = {
  both: { summary: 'Email and phone', value: { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' } },
  email: { summary: 'Email only', value: { email: 'lorraine@hillvalley.edu', phoneNumber: null } },
  phone: { summary: 'Phone only', value: { phoneNumber: '+1 (555) 010-9999' } },
};

@ApiTags('identity')
@Controller()
export class IdentityController {
  constructor(private readonly batcher: SightingBatcher) {}

  @Post('identify')
  @RequiresScope('identify')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Link identifiers to one identity, and get the whole of it',
    description:
      'Identifiers that nobody has make a new primary contact; known ones with something new make a secondary contact; known ones of two identities merge them, and the oldest contact stays primary; known ones of one identity change nothing. Safe to repeat.',
  })
  @ApiExtraModels(IdentifyRequest)
  @ApiBody({ schema: AT_LEAST_ONE, examples: EXAMPLES })
  @ApiOkResponse({ type: IdentityResponse, description: 'The identity that the identifiers belong to.' })
  @ApiProblems(
    {
      400: 'The body is malformed, or a field is invalid.',
      413: 'The body is larger than 16 KiB.',
      415: 'The body is not JSON in UTF-8, or is encoded.',
      503: 'The database is not available, or too many calls change the identity at once. Safe to repeat.',
    },
    new DatabaseUnavailableError('the database is not reachable'),
  )
  async identify(
    @TenantId() tenantId: number,
    @Body(SightingPipe) sighting: Sighting,
  ): Promise<IdentityResponse> {
    return new IdentityResponse(await this.batcher.identify(tenantId, sighting));
  }
}

function given(name: string, type: ('string' | 'integer')[]) {
  return { required: [name], properties: { [name]: { type, minLength: 1 } } };
}

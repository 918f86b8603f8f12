import { Body, Controller, Delete, HttpCode, Param } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { RequiresScope } from '../../access/access.js';
import { Settings } from '../../config/settings.js';
import { answerInTime } from '../batching/call.js';
import type { ChangeCall } from '../change-writer.js';
import { ChangesService } from '../changes.service.js';
import { DeletionUnderWayError } from '../change.errors.js';
import { ApiDeletionProblems } from './change-problems.js';
import { ApiIdempotencyKey, Deleting } from './dto/change-call.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { DeleteIdentityRequest } from './dto/delete-identity.request.js';
import { readBody } from './dto/read-body.js';

@ApiTags('changes')
@Controller('identities')
export class IdentitiesController {
  constructor(
    private readonly changes: ChangesService,
    private readonly settings: Settings,
  ) {}

  @Delete(':contactId')
  @RequiresScope('delete')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'deleteIdentity',
    summary: 'Delete every contact of an identity',
    description:
      'Soft delete, all at once: the contacts match nothing and show nowhere from then on, and all their identifiers are free again.',
  })
  @ApiParam({
    name: 'contactId',
    description: 'The id of a contact of the identity, primary or secondary.',
    schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    example: 1,
  })
  @ApiIdempotencyKey()
  @ApiBody({ type: DeleteIdentityRequest, required: false })
  @ApiNoContentResponse({ description: 'The identity is deleted.' })
  @ApiDeletionProblems()
  async delete(
    @Deleting() call: ChangeCall,
    @Param('contactId', new ContactIdPipe('contactId')) contactId: number,
    @Body() body: unknown,
  ): Promise<void> {
    const request = readBody(DeleteIdentityRequest, body, this.settings.unknownProperties);
    const deletion = this.changes.deleteIdentity(call, contactId, request);
    await answerInTime(deletion, () => new DeletionUnderWayError());
  }
}

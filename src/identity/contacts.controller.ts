import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../problems/api-problem.decorator.js';
import { answerInTime } from './answer-in-time.js';
import { ContactNotFoundError } from './contact-not-found.error.js';
import { ContactIdPipe } from './dto/contact-id.pipe.js';
import { IdentityResponse } from './dto/identity.response.js';
import { ReconciliationService } from './reconciliation.service.js';
import { DEFAULT_TENANT_ID } from './tenant.js';

const ID = {
  name: 'id',
  description: 'The id of a contact, primary or secondary.',
  schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  example: 1,
} as const;
const PROBLEMS = {
  400: 'The id is not a whole number of at least 1.',
  404: 'There is no such contact, or it was deleted.',
  503: 'The database is not available. Safe to repeat.',
};

@ApiTags('contacts')
@Controller('contacts')
export class ContactsController {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Get(':id')
  @ApiOperation({
    summary: 'Get the identity that a contact belongs to',
    description: 'Today’s identity, also for a contact that was merged into another one.',
  })
  @ApiParam(ID)
  @ApiOkResponse({ type: IdentityResponse, description: 'The identity of the contact.' })
  @ApiProblems(PROBLEMS)
  async find(@Param('id', ContactIdPipe) id: number): Promise<IdentityResponse> {
    const view = await answerInTime(this.reconciliation.find(DEFAULT_TENANT_ID, id));
    if (view === null) {
      throw new ContactNotFoundError(id);
    }
    return new IdentityResponse(view);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete a contact',
    description:
      'Soft delete: the contact matches nothing and shows nowhere from then on. If it was the primary, the oldest remaining contact becomes primary. Identifiers that no other contact of the identity carries are free again. The rest of the identity stays together.',
  })
  @ApiParam(ID)
  @ApiNoContentResponse({ description: 'The contact is deleted.' })
  @ApiProblems(PROBLEMS)
  async delete(@Param('id', ContactIdPipe) id: number): Promise<void> {
    if (!(await answerInTime(this.reconciliation.delete(DEFAULT_TENANT_ID, id)))) {
      throw new ContactNotFoundError(id);
    }
  }
}

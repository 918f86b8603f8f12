import { ApiSchema } from '@nestjs/swagger';
import { OptionalReason } from './reason.js';

@ApiSchema({ name: 'DeleteIdentityRequest', description: 'Why the identity is deleted.' })
export class DeleteIdentityRequest {
  @OptionalReason()
  readonly reason?: string | null;
}

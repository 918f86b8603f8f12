import { ApiSchema } from '@nestjs/swagger';
import { Reason } from './reason.js';

@ApiSchema({ name: 'UndoRequest', description: 'Why a merge is undone.' })
export class UndoRequest {
  @Reason()
  readonly reason!: string;
}

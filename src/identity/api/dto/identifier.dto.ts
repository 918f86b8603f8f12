import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { Identifier } from '../../domain/contact.js';

@ApiSchema({ name: 'Identifier', description: 'A normalised value that tells customers apart.' })
export class IdentifierDto implements Identifier {
  @ApiProperty({ description: '`email`, `phoneNumber`, or another kind of the tenant.', example: 'email' })
  readonly kind: string;

  @ApiProperty({ description: 'The value in its normal form.', example: 'mcfly@hillvalley.edu' })
  readonly value: string;

  constructor({ kind, value }: Identifier) {
    this.kind = kind;
    this.value = value;
  }
}

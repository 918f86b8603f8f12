import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsInt,
  IsOptional,
  Max,
  Min,
} from 'class-validator';
import { Reason } from './reason.js';

const MAX_CONTACTS = 100;
const IDS = 'each of contactIds must be a whole number from 1 to 9007199254740991';

@ApiSchema({ name: 'MergeRequest', description: 'The contacts whose identities are to be merged, and why.' })
export class MergeRequest {
  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    minItems: 2,
    maxItems: MAX_CONTACTS,
    uniqueItems: true,
    description: 'One contact, primary or secondary, of each of the identities.',
    example: [1, 4],
  })
  @Max(Number.MAX_SAFE_INTEGER, { each: true, message: IDS })
  @Min(1, { each: true, message: IDS })
  @IsInt({ each: true, message: IDS })
  @ArrayUnique({ message: 'contactIds must not name a contact twice' })
  @ArrayMaxSize(MAX_CONTACTS, { message: `contactIds must have at most ${MAX_CONTACTS} items` })
  @ArrayMinSize(2, { message: 'contactIds must have at least 2 items' })
  @IsArray({ message: 'contactIds must be an array' })
  readonly contactIds!: readonly number[];

  @ApiProperty({
    required: false,
    default: false,
    description: 'Merge them even if rules keep them apart: these rules are deleted.',
    example: false,
  })
  @IsBoolean({ message: 'force must be true or false' })
  @IsOptional()
  readonly force?: boolean;

  @Reason()
  readonly reason!: string;
}

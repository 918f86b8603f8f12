import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { NORMALISERS, type IdentifierKind, type Kinds } from '../../domain/kinds.js';
import { EXCEEDING_MAX, type ExceedingIdentity } from '../../exceeding-identities.js';
import type { Limits, PolicyOutcome } from '../../policy.service.js';
import { LISTED_CONTACTS } from '../../store/identity-lists.js';
import { CHANGE_ID, CHANGED } from './change.response.js';
import { IdentityDto } from './identity.response.js';

@ApiSchema({ name: 'Kind', description: 'A kind of identifiers.' })
export class KindDto {
  @ApiProperty({ description: 'As bodies and columns spell it.', example: 'email' })
  readonly name: string;

  @ApiProperty({ enum: NORMALISERS, description: 'How values get their normal form.', example: 'email' })
  readonly normaliser: IdentifierKind['normaliser'];

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'A lower number is stronger. What is weakest is left out first.',
    example: 20,
  })
  readonly priority: number;

  @ApiProperty({ description: 'Whether two values are never one person’s.', example: false })
  readonly onePerIdentity: boolean;

  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
    description: 'How many values an identity may have. Null: any number.',
    example: null,
  })
  readonly maxPerIdentity: number | null;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'Characters that a value may have in its normal form.',
    example: 254,
  })
  readonly maxLength: number;

  @ApiProperty({ description: 'Whether new calls may not name it any more.', example: false })
  readonly retired: boolean;

  constructor({ name, normaliser, priority, ...rest }: IdentifierKind) {
    this.name = name;
    this.normaliser = normaliser;
    this.priority = priority;
    this.onePerIdentity = rest.onePerIdentity;
    this.maxPerIdentity = rest.maxPerIdentity;
    this.maxLength = rest.maxLength;
    this.retired = rest.isRetired;
  }
}

@ApiSchema({ name: 'Policy', description: 'How far an identity may grow, and by what.' })
export class PolicyResponse {
  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
    description: 'Contacts that an identity may grow to. Null: any number.',
    example: 1000,
  })
  readonly maxContacts: number | null;

  @ApiProperty({ type: [KindDto], description: 'The kinds of identifiers, the strongest first.' })
  readonly kinds: readonly KindDto[];

  constructor({ maxContacts, kinds }: Limits) {
    this.maxContacts = Number.isFinite(maxContacts) ? maxContacts : null;
    this.kinds = kinds.all.map((kind) => new KindDto(kind));
  }
}

@ApiSchema({ name: 'ExceedingIdentity', description: 'An identity that is above a lowered limit.' })
export class ExceedingIdentityDto {
  @ApiProperty({ type: IdentityDto })
  readonly contact: IdentityDto;

  @ApiProperty({
    enum: [true],
    required: false,
    description: `Only for an identity of more than ${LISTED_CONTACTS} contacts, deleted ones included: \`contact\` has the primary contact alone.`,
    example: true,
  })
  readonly partial?: true;

  @ApiProperty({ description: '`maxContacts`, or the name of a kind.', example: 'maxContacts' })
  readonly limit: string;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'How many contacts it has, or how many values of the kind.',
    example: 620,
  })
  readonly count: number;

  constructor({ identity, limit, count }: ExceedingIdentity, kinds: Kinds) {
    this.contact = new IdentityDto(identity.view, kinds);
    if (identity.isPartial) {
      this.partial = true;
    }
    this.limit = limit;
    this.count = count;
  }
}

@ApiSchema({ name: 'PolicyChange', description: 'The policy after its change, or as it would be.' })
export class PolicyChangeResponse extends PolicyResponse {
  @ApiProperty(CHANGE_ID)
  readonly changeId: number | null;

  @ApiProperty(CHANGED)
  readonly changed: boolean;

  @ApiProperty({
    type: [ExceedingIdentityDto],
    description: `The identities that are above limits which this change lowers, the largest first; at most ${EXCEEDING_MAX}. They stay as they are.`,
  })
  readonly exceeding: readonly ExceedingIdentityDto[];

  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 0 }, { type: 'null' }],
    description:
      'How many there are, each once for each limit. Null: there are too many contacts to count within the time of a call; the command line counts them all.',
    example: 1,
  })
  readonly exceedingCount: number | null;

  constructor({ changeId, isChanged, policy, exceeding }: PolicyOutcome) {
    super(policy);
    this.changeId = changeId;
    this.changed = isChanged;
    this.exceeding = exceeding.identities.map((each) => new ExceedingIdentityDto(each, policy.kinds));
    this.exceedingCount = exceeding.total;
  }
}

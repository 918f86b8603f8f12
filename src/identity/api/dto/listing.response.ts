import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { Kinds } from '../../domain/kinds.js';
import type { Ranked } from '../../size-rankings.js';
import {
  LISTED_CONTACTS,
  type ListedIdentity,
  type Listing,
  type MatchKey,
} from '../../store/identity-lists.js';
import { IdentityDto } from './identity.response.js';
import { idOf, NEXT } from './page.js';

@ApiSchema({ name: 'ListedIdentity', description: 'An identity in a list.' })
export class ListedIdentityDto {
  @ApiProperty({ type: IdentityDto })
  readonly contact: IdentityDto;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    required: false,
    description: 'How many contacts the identity has; only with `order=size`.',
    example: 2,
  })
  readonly contacts?: number;

  @ApiProperty({
    enum: [true],
    required: false,
    description: `Only for an identity of more than ${LISTED_CONTACTS} contacts, deleted ones included: \`contact\` has the primary contact alone. \`GET /contacts/{id}\` shows all of it.`,
    example: true,
  })
  readonly partial?: true;

  constructor({ view, contacts, isPartial }: ListedIdentity, isSized: boolean, kinds: Kinds) {
    this.contact = new IdentityDto(view, kinds);
    if (isSized && contacts !== null) {
      this.contacts = contacts;
    }
    if (isPartial) {
      this.partial = true;
    }
  }
}

/** The answer of `GET /identities` and `POST /search`. */
export class ListingResponse {
  @ApiProperty({
    type: [ListedIdentityDto],
    description: 'The identities of this page. There may be fewer than `limit`, also when more follow.',
  })
  readonly identities: readonly ListedIdentityDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  private constructor(identities: readonly ListedIdentityDto[], next: string | null) {
    this.identities = identities;
    this.next = next;
  }

  static inOrder({ identities, next }: Listing<number>, kinds: Kinds): ListingResponse {
    return new ListingResponse(shown(identities, false, kinds), next === null ? null : String(next));
  }

  static bySize({ identities, next }: Listing<Ranked>, kinds: Kinds): ListingResponse {
    const cursor = next && `${next.contacts}.${next.primaryId}`;
    return new ListingResponse(shown(identities, true, kinds), cursor);
  }

  /** The cursor names no identifier: it becomes part of an address, which others may write down. */
  static ofSearch({ identities, next }: Listing<MatchKey>, kinds: Kinds): ListingResponse {
    return new ListingResponse(shown(identities, false, kinds), next && `${next.kind}.${next.contactId}`);
  }
}

function shown(identities: readonly ListedIdentity[], isSized: boolean, kinds: Kinds): ListedIdentityDto[] {
  return identities.map((identity) => new ListedIdentityDto(identity, isSized, kinds));
}

/** Reads what {@link ListingResponse.bySize} wrote as `next`; null: it is none. */
export function rankedOf(cursor: string): Ranked | null {
  const [contacts, primaryId] = cursor.split('.').map(idOf);
  return cursor.split('.').length === 2 && contacts && primaryId ? { contacts, primaryId } : null;
}

/** Reads what {@link ListingResponse.ofSearch} wrote as `next`; null: it is none. */
export function matchOf(cursor: string): MatchKey | null {
  const [, kind, id = ''] = /^(\w{1,64})\.(\d+)$/.exec(cursor) ?? [];
  const contactId = idOf(id);
  return kind === undefined || contactId === null ? null : { kind, contactId };
}

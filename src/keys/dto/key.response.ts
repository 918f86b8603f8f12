import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { isoOf, isoOrNull } from '../../identity/api/dto/moment.js';
import { NEXT } from '../../identity/api/dto/page.js';
import type { ShownKey, StoredKey } from '../keys.service.js';
import { SCOPES } from '../../access/scope.js';

const TIME_OR_NULL = { type: String, format: 'date-time', nullable: true } as const;

@ApiSchema({ name: 'ApiKey', description: 'An API key, without its secret.' })
export class KeyDto {
  @ApiProperty({
    description: 'The public id of the key. It stands before the name in each `actor`.',
    example: 'k3v9q0w2x1z7',
  })
  readonly id: string;

  @ApiProperty({ description: 'Whose it is, or what for.', example: 'crm' })
  readonly name: string;

  @ApiProperty({
    type: 'array',
    items: { type: 'string', enum: [...SCOPES] },
    description: 'What it may do.',
    example: ['identify', 'read'],
  })
  readonly scopes: readonly string[];

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'How many calls it may make in a minute. Null: the limit of the service.',
    example: 600,
  })
  readonly callsPerMinute: number | null;

  @ApiProperty({
    format: 'date-time',
    description: 'When it was made.',
    example: '2026-11-25T18:30:00.000001Z',
  })
  readonly createdAt: string;

  @ApiProperty({
    ...TIME_OR_NULL,
    description: 'When it ends, or has ended. Null: never.',
    example: '2027-11-25T00:00:00.000000Z',
  })
  readonly expiresAt: string | null;

  @ApiProperty({ ...TIME_OR_NULL, description: 'When it was revoked. Null: it was not.', example: null })
  readonly revokedAt: string | null;

  @ApiProperty({
    ...TIME_OR_NULL,
    description: 'When it was last used, to the minute. Null: never.',
    example: '2026-11-26T09:12:41.220000Z',
  })
  readonly lastUsedAt: string | null;

  constructor(key: StoredKey) {
    this.id = key.id;
    this.name = key.name;
    this.scopes = key.scopes;
    this.callsPerMinute = key.callsPerMinute;
    this.createdAt = isoOf(key.createdAt);
    this.expiresAt = isoOrNull(key.expiresAt);
    this.revokedAt = isoOrNull(key.revokedAt);
    this.lastUsedAt = isoOrNull(key.lastUsedAt);
  }
}

@ApiSchema({
  name: 'NewApiKey',
  description: 'An API key as its holder needs it. It is shown only this time.',
})
export class NewKeyDto extends KeyDto {
  @ApiProperty({
    description:
      'The key. Send it as `Authorization: Bearer …`. The service keeps only a hash of its secret.',
    example: 'idr_k3v9q0w2x1z7_C2FVsBQIhrscChlQIMVb5sSYspob7oDVRn1FHIhW4cd',
  })
  readonly key: string;

  constructor({ key, text }: ShownKey) {
    super(key);
    this.key = text;
  }
}

@ApiSchema({
  name: 'RotatedApiKey',
  description: 'The successor of a key, and until when the old one works.',
})
export class RotatedKeyDto extends NewKeyDto {
  @ApiProperty({ type: KeyDto, description: 'The old key. It works until its `expiresAt`.' })
  readonly previous: KeyDto;

  constructor(rotated: ShownKey & { readonly previous: StoredKey }) {
    super(rotated);
    this.previous = new KeyDto(rotated.previous);
  }
}

/** The answer of `GET /keys`. */
export class KeysResponse {
  @ApiProperty({ type: [KeyDto], description: 'The keys, the oldest first, with those that no longer work.' })
  readonly keys: readonly KeyDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ items, isLast }: { readonly items: readonly StoredKey[]; readonly isLast: boolean }) {
    this.keys = items.map((key) => new KeyDto(key));
    this.next = isLast ? null : cursorOf(items.at(-1)!);
  }
}

type Place = Pick<StoredKey, 'createdAt' | 'id'>;

function cursorOf({ createdAt, id }: Place): string {
  return `${createdAt}.${id}`;
}

/** Reads what {@link KeysResponse} wrote as `next`; null: it is none. */
export function placeOf(cursor: string): Place | null {
  const [, at, id] = /^(\d{1,16})\.([a-z0-9]{12})$/.exec(cursor) ?? [];
  return at === undefined ? null : { createdAt: Number(at), id: id! };
}

import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { CHANGE_KINDS } from '../../domain/writes.js';
import {
  NAMED_CONTACTS_MAX,
  type ChangeKey,
  type ChangePage,
  type ListedChange,
} from '../../store/change-records.js';
import { isoOf } from './moment.js';
import { NEXT } from './page.js';

@ApiSchema({ name: 'ListedChange', description: 'What somebody changed by hand.' })
export class ListedChangeDto {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'The id of the change: the `changeId` of the answer to who made it.',
    example: 12,
  })
  readonly id: number;

  @ApiProperty({ format: 'date-time', description: 'When.', example: '2026-11-25T18:41:06.123456Z' })
  readonly at: string;

  @ApiProperty({ enum: [...CHANGE_KINDS], description: 'What was changed.', example: 'merge' })
  readonly kind: string;

  @ApiProperty({
    description:
      'Who changed it: id and name of the key. `cli`: a command. `anybody`: the service checks no keys.',
    example: 'k3v9q0w2x1z7 crm',
  })
  readonly actor: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description:
      'Why, in the words of who changed it. Null: no reason was given, or it was erased with a person.',
    example: 'Both are the same customer',
  })
  readonly reason: string | null;

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    description: `Contacts that the change names, at most ${NAMED_CONTACTS_MAX}. Empty for the policy, blocked values and keys.`,
    example: [1, 4],
  })
  readonly contactIds: readonly number[];

  @ApiProperty({ type: 'integer', minimum: 0, description: 'How many contacts it names.', example: 2 })
  readonly contacts: number;

  @ApiProperty({
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    description: 'The merges that it made. They can be undone one by one.',
    example: [9],
  })
  readonly mergeIds: readonly number[];

  @ApiProperty({
    type: 'array',
    items: { type: 'string' },
    description: 'The API keys that it is about. `key-rotate`: the old key, then its successor.',
    example: [],
  })
  readonly keyIds: readonly string[];

  constructor({ id, at, kind, actor, reason, contactIds, contacts, mergeIds, keyIds }: ListedChange) {
    this.id = id;
    this.at = isoOf(at);
    this.kind = kind;
    this.actor = actor;
    this.reason = reason;
    this.contactIds = contactIds;
    this.contacts = contacts;
    this.mergeIds = mergeIds;
    this.keyIds = keyIds;
  }
}

/** The answer of `GET /changes`. */
export class ChangesResponse {
  @ApiProperty({ type: [ListedChangeDto], description: 'The changes, the latest first.' })
  readonly changes: readonly ListedChangeDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ changes, next }: ChangePage) {
    this.changes = changes.map((change) => new ListedChangeDto(change));
    this.next = next === null ? null : `${next.at}.${next.id}`;
  }
}

/** Reads what {@link ChangesResponse} wrote as `next`; null: it is none. */
export function changeKeyOf(cursor: string): ChangeKey | null {
  const [, at, id] = /^(\d{1,16})\.(\d{1,16})$/.exec(cursor) ?? [];
  return at === undefined ? null : { at: Number(at), id: Number(id) };
}

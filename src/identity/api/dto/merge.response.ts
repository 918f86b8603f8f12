import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { RecordedMerge } from '../../domain/explain.js';
import { MERGE_CAUSES } from '../../domain/writes.js';
import type { Page } from '../../reading.service.js';
import { IdentifierDto } from './identifier.dto.js';
import { isoOf } from './moment.js';
import { NEXT } from './page.js';

export const CAUSE = {
  enum: [...MERGE_CAUSES],
  description:
    '`sighting`: both identities were seen together. `manual`: by hand. `review`: a review decided so. `renormalised`: both had one value in two spellings, which have one normal form since. `kept`: a split kept both contacts together.',
  example: 'sighting',
};
export const ASSUMED = {
  type: Boolean,
  required: false,
  description:
    'True if a build from before did not record this, so that it was worked out later; otherwise absent.',
  example: true,
};

@ApiSchema({ name: 'UndoneBy', description: 'The change that undid a merge.' })
export class UndoneBy {
  @ApiProperty({ format: 'date-time', description: 'When.', example: '2026-11-25T18:41:06.123456Z' })
  readonly at: string;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'The id of the change.', example: 12 })
  readonly changeId: number;

  constructor({ at, changeId }: NonNullable<RecordedMerge['undone']>) {
    this.at = isoOf(at);
    this.changeId = changeId;
  }
}

@ApiSchema({ name: 'Merge', description: 'Two identities that became one.' })
export class MergeDto {
  @ApiProperty({ type: 'integer', minimum: 1, description: 'The id of the merge.', example: 9 })
  readonly id: number;

  @ApiProperty({ format: 'date-time', description: 'When.', example: '2026-11-25T18:30:00.000001Z' })
  readonly at: string;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'The primary of the older identity, which became the primary of both.',
    example: 1,
  })
  readonly survivorId: number;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'The primary of the other one.', example: 4 })
  readonly mergedId: number;

  @ApiProperty(CAUSE)
  readonly cause: string;

  @ApiProperty({
    type: [IdentifierDto],
    description: 'The sighting that caused it; empty if there was none.',
  })
  readonly identifiers: readonly IdentifierDto[];

  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/UndoneBy' }, { type: 'null' }],
    description: 'When it was undone, and by which change; null: it is in force.',
    example: null,
  })
  readonly undone: UndoneBy | null;

  @ApiProperty(ASSUMED)
  readonly assumed?: boolean;

  constructor({ id, at, survivorId, mergedId, cause, identifiers, undone, isAssumed }: RecordedMerge) {
    this.id = id;
    this.at = isoOf(at);
    this.survivorId = survivorId;
    this.mergedId = mergedId;
    this.cause = cause;
    this.identifiers = identifiers.map((identifier) => new IdentifierDto(identifier));
    this.undone = undone && new UndoneBy(undone);
    if (isAssumed) {
      this.assumed = true;
    }
  }
}

/** The answer of `GET /merges`. */
export class MergesResponse {
  @ApiProperty({ type: [MergeDto], description: 'The merges, the oldest first.' })
  readonly merges: readonly MergeDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ items, isLast }: Page<RecordedMerge>) {
    this.merges = items.map((merge) => new MergeDto(merge));
    this.next = isLast ? null : String(items.at(-1)!.id);
  }
}

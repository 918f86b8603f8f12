import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { ChangeOutcome } from '../../change-writer.js';
import type { Rule } from '../../domain/rules.js';
import type { Page } from '../../reading.service.js';
import { NEXT } from './page.js';
import { RuleDto } from './rule.dto.js';

/** The answer of `GET /rules`. */
export class RulesResponse {
  @ApiProperty({ type: [RuleDto], description: 'The rules, the oldest first.' })
  readonly rules: readonly RuleDto[];

  @ApiProperty(NEXT)
  readonly next: string | null;

  constructor({ items, isLast }: Page<Rule>) {
    this.rules = items.map((rule) => new RuleDto(rule));
    this.next = isLast ? null : String(items.at(-1)!.id);
  }
}

@ApiSchema({ name: 'RuleChange', description: 'What asking for a rule did, or would do.' })
export class RuleChangeResponse {
  @ApiProperty({
    oneOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
    description: 'The record of the change. Null if the rule was there already, and after a dry run.',
    example: 12,
  })
  readonly changeId: number | null;

  @ApiProperty({ description: 'Whether the rule was made; false: it was there already.', example: true })
  readonly changed: boolean;

  @ApiProperty({
    type: [RuleDto],
    description: 'The rule. Empty if the call is a repetition and the rule was deleted since.',
  })
  readonly rules: readonly RuleDto[];

  constructor({ changeId, isChanged, rules }: ChangeOutcome) {
    this.changeId = changeId;
    this.changed = isChanged;
    this.rules = rules.map((rule) => new RuleDto(rule));
  }
}

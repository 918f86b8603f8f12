import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';

const DoNotLinkSchema = defineEntity({
  name: 'DoNotLink',
  tableName: 'do_not_link',
  ...tenantPolicy('do_not_link'),
  properties: {
    tenantId: p.integer().primary(),
    kind: p.smallint().primary(),
    value: p.text().primary(),
    otherKind: p.smallint().primary(),
    otherValue: p.text().primary(),
    ruleId: p.bigint('number'),
    changeId: p.bigint('number').strictNullable(),
    isReverse: p.boolean().strictNullable(),
    createdAt: p.datetime(6).columnType('timestamptz'),
  },
});

/**
 * One side of a rule: two identifiers that must never be in one identity. The other side is another row; `isReverse` is set on
 * the one that was named second.
 */
export class DoNotLink extends DoNotLinkSchema.class {}
DoNotLinkSchema.setClass(DoNotLink);

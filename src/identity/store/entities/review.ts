import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';

const ReviewSchema = defineEntity({
  name: 'Review',
  tableName: 'review',
  ...tenantPolicy('review'),
  properties: {
    tenantId: p.integer().primary(),
    id: p.bigint('number').primary().autoincrement(false),
    kind: p.smallint(),
    value: p.text(),
    otherKind: p.smallint(),
    otherValue: p.text(),
    reason: p.text(),
    createdAt: p.datetime(6).columnType('timestamptz'),
    decision: p.text().strictNullable(),
    decidedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
    changeId: p.bigint('number').strictNullable(),
  },
});

/** A link between two identifiers that policy withheld. Without a `decision` it is open. The lower identifier comes first. */
export class Review extends ReviewSchema.class {}
ReviewSchema.setClass(Review);

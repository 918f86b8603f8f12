import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';

const ErasedValueSchema = defineEntity({
  name: 'ErasedValue',
  tableName: 'erased_value',
  ...tenantPolicy('erased_value'),
  properties: {
    tenantId: p.integer().primary(),
    hash: p.blob().primary(),
    erasedAt: p.datetime(6).columnType('timestamptz'),
    blockedUntil: p.datetime(6).columnType('timestamptz'),
  },
});

/**
 * The tombstone of an identifier: its keyed hash, when it was erased, and until when live calls with it are refused. What took
 * place until it was erased is refused for good.
 */
export class ErasedValue extends ErasedValueSchema.class {}
ErasedValueSchema.setClass(ErasedValue);

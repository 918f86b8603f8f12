import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';
import { Contact } from './contact.js';

const IdentityMergeSchema = defineEntity({
  name: 'IdentityMerge',
  tableName: 'identity_merge',
  ...tenantPolicy('identity_merge'),
  properties: {
    tenantId: p.integer().primary(),
    id: p.bigint('number').primary().autoincrement(false),
    survivorId: p.bigint('number'),
    mergedId: p.bigint('number'),
    left: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'left_contact_id')
        .ownColumns('left_contact_id')
        .strictNullable()
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('identity_merge_left_contact_id_foreign'),
    right: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'right_contact_id')
        .ownColumns('right_contact_id')
        .strictNullable()
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('identity_merge_right_contact_id_foreign'),
    endsAssumed: p.boolean().strictNullable(),
    cause: p.text().strictNullable(),
    email: p.text().strictNullable(),
    phoneNumber: p.text().strictNullable(),
    identifiers: p.json<Record<string, string>>().strictNullable(),
    changeId: p.bigint('number').strictNullable(),
    undoneBy: p.bigint('number').strictNullable(),
    createdAt: p.datetime(6).columnType('timestamptz'),
  },
  indexes: [
    {
      name: 'identity_merge_left_contact_id_index',
      properties: ['tenantId', 'left'],
      where: 'left_contact_id is not null',
    },
    {
      name: 'identity_merge_right_contact_id_index',
      properties: ['tenantId', 'right'],
      where: 'right_contact_id is not null',
    },
    {
      name: 'identity_merge_change_id_index',
      properties: ['tenantId', 'changeId'],
      where: 'change_id is not null',
    },
  ],
  checks: [
    {
      name: 'identity_merge_cause_known',
      expression: `cause in ('sighting', 'manual', 'review', 'kept', 'renormalised')`,
    },
  ],
});

/**
 * The log of merges: the primary that survived, the one that was merged into it, the two contacts that the merge joins, the
 * cause, and the sighting that joined them. Earlier builds leave ends and cause empty; `endsAssumed` says that they were
 * filled in later.
 */
export class IdentityMerge extends IdentityMergeSchema.class {}
IdentityMergeSchema.setClass(IdentityMerge);

import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/tenant-policy.js';
import { Contact } from './contact.js';

const IdentityMergeSchema = defineEntity({
  name: 'IdentityMerge',
  tableName: 'identity_merge',
  ...tenantPolicy('identity_merge'),
  properties: {
    tenantId: p.integer().primary(),
    id: p.bigint('number').primary().autoincrement(false),
    survivor: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'survivor_id')
        .ownColumns('survivor_id')
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('identity_merge_survivor_id_foreign'),
    merged: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'merged_id')
        .ownColumns('merged_id')
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('identity_merge_merged_id_foreign'),
    email: p.text(),
    phoneNumber: p.text(),
    createdAt: p.datetime(6).columnType('timestamptz'),
  },
});

/** The log of merges: which primary survived, which one was merged into it, and the sighting that joined them. */
export class IdentityMerge extends IdentityMergeSchema.class {}
IdentityMergeSchema.setClass(IdentityMerge);

import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';
import { ContactRepository } from '../contact.repository.js';

const ContactSchema = defineEntity({
  name: 'Contact',
  tableName: 'contact',
  ...tenantPolicy('contact'),
  repository: () => ContactRepository,
  properties: {
    tenantId: p.integer().primary(),
    id: p.bigint('number').primary().autoincrement(false),
    email: p.text().strictNullable(),
    phoneNumber: p.text().strictNullable(),
    identifiers: p.json<Record<string, string>>().strictNullable(),
    linked: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'linked_id')
        .ownColumns('linked_id')
        .strictNullable()
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('contact_linked_id_foreign'),
    joinedId: p.bigint('number').strictNullable(),
    joinedAssumed: p.boolean().strictNullable(),
    isRuled: p.boolean().strictNullable(),
    linkPrecedence: p.text(),
    version: p.integer().default(1),
    createdAt: p.datetime(6).columnType('timestamptz'),
    recordedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
    updatedAt: p.datetime(6).columnType('timestamptz'),
    deletedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
  },
  indexes: [
    {
      name: 'contact_linked_id_index',
      properties: ['tenantId', 'linked'],
      where: 'linked_id is not null',
    },
    {
      name: 'contact_live_primary_index',
      properties: ['tenantId', 'id'],
      where: 'linked_id is null and deleted_at is null',
    },
  ],
  checks: [
    {
      name: 'contact_has_identifier',
      expression: 'email is not null or phone_number is not null or identifiers is not null',
    },
    {
      name: 'contact_primary_has_no_link',
      expression: `(link_precedence = 'primary' and linked_id is null) or (link_precedence = 'secondary' and linked_id is not null and linked_id <> id)`,
    },
  ],
});

/**
 * One row: identifiers that were seen together once. The oldest of an identity is the primary, the others link to it.
 *
 * `identifiers` has the values of kinds without their own column, by the number of the kind. `joinedId` is the contact that it
 * attached to (null: it started a tree of evidence); `joinedAssumed` says that this was reconstructed later. `isRuled` says
 * that one of its identifiers has, or had, a rule. `recordedAt` is when it was written; null: at `createdAt`.
 */
export class Contact extends ContactSchema.class {}
ContactSchema.setClass(Contact);

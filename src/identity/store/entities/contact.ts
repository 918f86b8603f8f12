import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/tenant-policy.js';
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
    linked: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'linked_id')
        .ownColumns('linked_id')
        .strictNullable()
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('contact_linked_id_foreign'),
    linkPrecedence: p.text(),
    version: p.integer().default(1),
    createdAt: p.datetime(6).columnType('timestamptz'),
    updatedAt: p.datetime(6).columnType('timestamptz'),
    deletedAt: p.datetime(6).columnType('timestamptz').strictNullable(),
  },
  indexes: [
    {
      name: 'contact_linked_id_index',
      properties: ['tenantId', 'linked'],
      where: 'linked_id is not null',
    },
  ],
  checks: [
    { name: 'contact_has_identifier', expression: 'email is not null or phone_number is not null' },
    {
      name: 'contact_primary_has_no_link',
      expression: `(link_precedence = 'primary' and linked_id is null) or (link_precedence = 'secondary' and linked_id is not null and linked_id <> id)`,
    },
  ],
});

/** One row: identifiers that were seen together once. The oldest of an identity is primary, the others link to it. */
export class Contact extends ContactSchema.class {}
ContactSchema.setClass(Contact);

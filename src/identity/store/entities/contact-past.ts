import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';
import { Contact } from './contact.js';

const ContactPastSchema = defineEntity({
  name: 'ContactPast',
  tableName: 'contact_past',
  ...tenantPolicy('contact_past'),
  properties: {
    tenantId: p.integer().primary(),
    contact: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'contact_id')
        .ownColumns('contact_id')
        .primary()
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('contact_past_contact_id_foreign'),
    until: p.datetime(6).columnType('timestamptz').primary(),
    linkedId: p.bigint('number').strictNullable(),
    createdAt: p.datetime(6).columnType('timestamptz'),
    email: p.text().strictNullable(),
    phoneNumber: p.text().strictNullable(),
    identifiers: p.json<Record<string, string>>().strictNullable(),
    changeId: p.bigint('number').strictNullable(),
    joinedId: p.bigint('number').strictNullable(),
  },
  indexes: [
    {
      name: 'contact_past_linked_id_index',
      properties: ['tenantId', 'linkedId'],
      where: 'linked_id is not null',
    },
  ],
});

/**
 * The state that a contact had until a moment: written when its link, its date, its values or what it is attached to change, and
 * only then. `joinedId` only in the last case; 0: it was attached to nothing.
 */
export class ContactPast extends ContactPastSchema.class {}
ContactPastSchema.setClass(ContactPast);

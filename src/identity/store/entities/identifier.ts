import { defineEntity, p } from '@mikro-orm/core';
import { tenantPolicy } from '../../../database/session/sql-session.js';
import { Contact } from './contact.js';

const IdentifierSchema = defineEntity({
  name: 'Identifier',
  tableName: 'identifier',
  ...tenantPolicy('identifier'),
  properties: {
    tenantId: p.integer().primary(),
    kind: p.smallint().primary(),
    value: p.text().primary(),
    contact: () =>
      p
        .manyToOne(Contact)
        .joinColumns('tenant_id', 'contact_id')
        .ownColumns('contact_id')
        .strictNullable()
        .updateRule('no action')
        .deleteRule('no action')
        .foreignKeyName('identifier_contact_id_foreign'),
  },
  checks: [{ name: 'identifier_kind_known', expression: 'kind >= 0' }],
});

/**
 * The claim: an email (kind 0), a phone number (kind 1) or a value of a further kind, and the live contact that first
 * brought it. It does not move when identities merge. Its primary key makes a value in two identities impossible.
 * Without a contact the value is reserved: nobody has it.
 */
export class Identifier extends IdentifierSchema.class {}
IdentifierSchema.setClass(Identifier);

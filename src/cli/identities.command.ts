import { Command, InvalidArgumentError } from 'commander';
import type { Identifier } from '../identity/domain/contact.js';
import type {
  ConnectionResponse,
  EdgeDto,
  SeparationResponse,
} from '../identity/api/dto/evidence.response.js';
import { readContactId, readIdentifier, readWholeNumber } from './arguments.js';
import { ask } from './ask.js';
import { mergeRows } from './merges.command.js';
import { renormaliseCommand } from './renormalise.command.js';
import { inUtc, named, namedLists, table } from './output.js';
import type { Terminal } from './terminal.js';

interface Flags {
  readonly tenant?: string;
  readonly json?: true;
}

export function identitiesCommand(terminal: Terminal): Command {
  return new Command('identities')
    .description(
      'Shows identities, why their contacts are one person, and what is stored under an older normal form.',
    )
    .addCommand(largestCommand(terminal))
    .addCommand(suspiciousCommand(terminal))
    .addCommand(lookupCommand(terminal))
    .addCommand(showCommand(terminal))
    .addCommand(explainCommand(terminal))
    .addCommand(renormaliseCommand(terminal));
}

function largestCommand(terminal: Terminal): Command {
  return new Command('largest')
    .description('Lists the identities with the most contacts, which may be several persons.')
    .option('--limit <number>', 'how many', readWholeNumber(1, 200), 20)
    .option('--tenant <name>', 'tenant of the identities (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async ({ limit, tenant, json }: Flags & { limit: number }) => {
      const { ListingResponse } = await import('../identity/api/dto/listing.response.js');
      const { identities } = await ask(terminal, tenant, async ({ listing, tenantId, policies }) => {
        const largest = await listing.largest(tenantId, null, limit);
        return ListingResponse.bySize(largest, (await policies.of(tenantId)).kinds);
      });
      terminal.print(
        json
          ? `${JSON.stringify(identities)}\n`
          : table([
              ['ID', 'CONTACTS', 'EMAIL', 'PHONE NUMBER'],
              ...identities.map(({ contact, contacts }) => [
                String(contact.primaryContactId),
                String(contacts),
                contact.emails[0] ?? '-',
                contact.phoneNumbers[0] ?? '-',
              ]),
            ]),
      );
    });
}

function lookupCommand(terminal: Terminal): Command {
  return new Command('lookup')
    .description('Shows the identities that have one of the identifiers, and changes nothing.')
    .argument(
      '<identifier...>',
      'kind and value, such as email:george@hillvalley.edu or customerId:C-1; one of a kind',
      addIdentifier,
    )
    .option('--tenant <name>', 'tenant of the identities (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async (given: readonly Identifier[], { tenant, json }: Flags) => {
      const { LookupResponse } = await import('../identity/api/dto/lookup.response.js');
      const { readSighting } = await import('../identity/api/dto/read-sighting.js');
      const { loadSettings } = await import('../config/load-settings.js');
      const settings = loadSettings(terminal.env);
      const { identities } = await ask(terminal, tenant, async ({ reading, tenantId, policies }) => {
        const { kinds } = await policies.of(tenantId);
        const sighting = readSighting(lookupBody(given), settings, kinds, { withRetired: true });
        return new LookupResponse(await reading.lookUp(tenantId, sighting), kinds);
      });
      terminal.print(
        json
          ? `${JSON.stringify(identities)}\n`
          : table([
              ['ID', 'CONTACTS', 'MATCHED', 'EMAILS', 'PHONE NUMBERS', 'OTHER IDENTIFIERS'],
              ...identities.map(({ contact, matched }) => [
                String(contact.primaryContactId),
                String(contact.secondaryContactIds.length + 1),
                matched.join(', '),
                contact.emails.join(', ') || '-',
                contact.phoneNumbers.join(', ') || '-',
                namedLists(contact.identifiers ?? {}) || '-',
              ]),
            ]),
      );
    });
}

function addIdentifier(text: string, given: readonly Identifier[] = []): Identifier[] {
  const identifier = readIdentifier(text);
  if (given.some(({ kind }) => kind === identifier.kind)) {
    throw new InvalidArgumentError('It is the second one of its kind.');
  }
  return [...given, identifier];
}

/** The identifiers in the form of the body of `POST /lookup`. */
function lookupBody(given: readonly Identifier[]): object {
  const values = new Map(given.map(({ kind, value }) => [kind, value]));
  const { email, phoneNumber, ...identifiers } = Object.fromEntries(values);
  return { email, phoneNumber, identifiers };
}

/** Values of an identity in JSON, those that hold most together. */
const VALUES_SHOWN = 10;

function suspiciousCommand(terminal: Terminal): Command {
  return new Command('suspicious')
    .description(
      'Lists the largest identities with the value that holds each together, and how many identities it would be without that value. Such a value may be a placeholder that strangers share.',
    )
    .option('--limit <number>', 'how many', readWholeNumber(1, 200), 20)
    .option('--min-contacts <number>', 'leave out smaller identities', readWholeNumber(2, 1_000_000), 20)
    .option('--tenant <name>', 'tenant of the identities (default: the only tenant)')
    .option('--json', `as JSON, with up to ${VALUES_SHOWN} values of each`)
    .action(async ({ limit, minContacts, tenant, json }: Flags & { limit: number; minContacts: number }) => {
      const found = await ask(terminal, tenant, ({ listing, tenantId }) =>
        listing.suspicious(tenantId, minContacts, limit),
      );
      if (json) {
        const shown = found.map(({ primaryId, contacts, values }) => ({
          primaryContactId: primaryId,
          contacts,
          values: values.slice(0, VALUES_SHOWN),
        }));
        terminal.print(`${JSON.stringify(shown)}\n`);
        return;
      }
      const rows = found.map(({ primaryId, contacts, values: [value] }) => [
        String(primaryId),
        String(contacts),
        ...(value === undefined
          ? ['-', '-', '-', '-']
          : [named([value]), ...[value.contacts, value.merges, value.identities].map(String)]),
      ]);
      terminal.print(
        rows.length === 0
          ? `No identity has ${minContacts} contacts or more.\n`
          : table([['ID', 'CONTACTS', 'VALUE', 'CARRIED BY', 'MERGES', 'IDENTITIES WITHOUT IT'], ...rows]),
      );
    });
}

function showCommand(terminal: Terminal): Command {
  return new Command('show')
    .description('Shows the identity of a contact with all its contacts, deleted ones too.')
    .argument('<contactId>', 'a contact of it, primary or secondary, live or deleted', readContactId)
    .option('--tenant <name>', 'tenant of the identity (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async (contactId: number, { tenant, json }: Flags) => {
      const { ContactDto } = await import('../identity/api/dto/evidence.response.js');
      const { IdentityDto } = await import('../identity/api/dto/identity.response.js');
      const { contacts, identity, hasFurther } = await ask(
        terminal,
        tenant,
        async ({ reading, reconciliation, tenantId, policies }) => {
          const evidence = await reading.evidence(tenantId, contactId);
          // A deleted contact leads to no identity, but others of it do.
          const live = evidence.contacts.find(({ deletedAt }) => deletedAt === null);
          const shown = live === undefined ? null : await reconciliation.find(tenantId, live.id);
          const { kinds } = await policies.of(tenantId);
          return {
            contacts: evidence.contacts.map((contact) => new ContactDto(contact, kinds)),
            identity: shown && new IdentityDto(shown, kinds),
            hasFurther: kinds.further.length > 0,
          };
        },
      );
      if (json) {
        terminal.print(`${JSON.stringify({ contact: identity, contacts })}\n`);
        return;
      }
      const rows = contacts.map(({ id, email, phoneNumber, identifiers, createdAt, deletedAt }) => [
        String(id),
        email ?? '-',
        phoneNumber ?? '-',
        ...(hasFurther ? [namedLists(identifiers ?? {}) || '-'] : []),
        inUtc(createdAt),
        deletedAt !== null
          ? `deleted ${inUtc(deletedAt)}`
          : id === identity?.primaryContactId
            ? 'primary'
            : 'secondary',
      ]);
      const heading = ['ID', 'EMAIL', 'PHONE NUMBER', ...(hasFurther ? ['OTHER IDENTIFIERS'] : [])];
      terminal.print(table([[...heading, 'CREATED', 'STATE'], ...rows]));
    });
}

function explainCommand(terminal: Terminal): Command {
  return new Command('explain')
    .description('Explains why two contacts are one person, or what keeps them apart.')
    .argument('<from>', 'a contact, live or deleted', readContactId)
    .argument('<to>', 'another contact', readContactId)
    .option('--tenant <name>', 'tenant of the contacts (default: the only tenant)')
    .option('--json', 'as JSON')
    .action(async (from: number, to: number, { tenant, json }: Flags) => {
      const { ConnectionResponse, SeparationResponse } =
        await import('../identity/api/dto/evidence.response.js');
      const answer = await ask(terminal, tenant, async ({ reading, tenantId, policies }) => {
        const found = await reading.explain(tenantId, from, to);
        return 'path' in found
          ? new ConnectionResponse(found.path, found.contacts, (await policies.of(tenantId)).kinds)
          : new SeparationResponse(found.rules, found.undoneMerges);
      });
      terminal.print(json ? `${JSON.stringify(answer)}\n` : explanation(answer, from, to));
    });
}

function explanation(answer: ConnectionResponse | SeparationResponse, from: number, to: number): string {
  if ('path' in answer) {
    const steps = answer.path.length;
    const heading = `Contacts ${from} and ${to} are one person, ${steps === 1 ? 'in 1 step' : `in ${steps} steps`}:\n`;
    return from === to
      ? `Both are contact ${from}.\n`
      : heading + table([['FROM', 'TO', 'WHY', 'SINCE'], ...answer.path.map(stepOf)]);
  }
  const { rules, undoneMerges } = answer;
  const ruled = rules.map(({ id, identifiers, createdAt, actor, reason }) => [
    String(id),
    named(identifiers),
    createdAt === null ? '-' : inUtc(createdAt),
    actor ?? '-',
    reason ?? '-',
  ]);
  return [
    `Contacts ${from} and ${to} are not one person.\n`,
    ...(ruled.length === 0
      ? []
      : [
          '\nRules that keep them apart:\n',
          table([['ID', 'IDENTIFIERS', 'CREATED', 'BY', 'REASON'], ...ruled]),
        ]),
    ...(undoneMerges.length === 0
      ? []
      : ['\nMerges between them that were undone:\n', table(mergeRows(undoneMerges))]),
  ].join('');
}

function stepOf({ from, to, type, identifiers, at, mergeId, cause, assumed }: EdgeDto): string[] {
  const sighted = identifiers.length === 0 ? '' : ` of ${named(identifiers)}`;
  const shared = identifiers.length === 0 ? 'no value that both carry' : `both carry ${named(identifiers)}`;
  const why = type === 'merge' ? `merge ${mergeId}, ${cause}${sighted}` : shared;
  return [String(from), String(to), assumed ? `${why} (assumed)` : why, inUtc(at)];
}

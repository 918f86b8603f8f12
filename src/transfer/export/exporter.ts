import type { SqlSession, Statement, Transaction } from '../../database/session/sql-session.js';
import type { EventLog } from '../../events/event-log.js';
import { textOf } from '../../events/head.js';
import { IdentityDto } from '../../identity/api/dto/identity.response.js';
import { isoOf } from '../../identity/api/dto/moment.js';
import { viewOf, type Contact } from '../../identity/domain/contact.js';
import { furtherOf } from '../../identity/api/dto/evidence.response.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../../identity/domain/kinds.js';
import { microsOf } from '../../identity/store/contact.statements.js';
import { contactOf, valueOf } from '../../identity/store/identifier-columns.js';
import { kindsOf } from '../../identity/store/policy-records.js';
import { LOAD_KINDS } from '../../identity/store/policy.statements.js';
import { csvLine, guarded, unambiguous } from '../csv.js';
import type { FileFormat } from '../files.js';

/** Identities read at once. It bounds the memory of an export. */
const PAGE_SIZE = 1000;

/** The columns of a CSV file; those of the kinds that the tenant has declared follow. */
const CSV_COLUMNS = ['primaryContactId', 'contactId', 'email', 'phoneNumber', 'createdAt'];

/** How much was exported. */
export interface ExportCount {
  identities: number;
  contacts: number;
  /** The cursor of its moment; null: changes leave no events. */
  cursor: string | null;
}

/**
 * Exports all identities of a tenant at one moment as text, in order of their primary contact.
 *
 * @param events tells the cursor of that moment; null: there is none
 * @param write takes a piece of the text. The next page is read meanwhile, and passed on after `write` is done.
 */
export async function exportIdentities(
  session: SqlSession,
  tenantId: number,
  format: FileFormat,
  isExcelSafe: boolean,
  events: EventLog | null,
  write: (text: string) => Promise<void>,
): Promise<ExportCount> {
  const count = { identities: 0, contacts: 0 };
  await events?.begin(tenantId);
  const moment = await session.transaction(async (transaction) => {
    // The snapshot is taken with the kinds, so that none is missing that a contact has.
    const [, , kindRows = []] = await transaction.send(
      [ONE_SNAPSHOT],
      [NO_IDLE_TIMEOUT],
      [LOAD_KINDS, tenantId],
    );
    const kinds = kindsOf(kindRows);
    const seen = events && (await events.momentOf(transaction, tenantId));
    const text = (one: DatedIdentity): string =>
      format === 'csv' ? csvOf(one, kinds, isExcelSafe) : ndjsonOf(one, kinds);
    let page = await pageAfter(transaction, kinds, tenantId, 0);
    if (format === 'csv') {
      await write(csvLine([...CSV_COLUMNS, ...kinds.further.map(({ name }) => name)]));
    }
    while (page.length > 0) {
      const following = pageAfter(transaction, kinds, tenantId, page.at(-1)!.primaryId);
      const written = write(page.map(text).join(''));
      const [next, done] = await Promise.allSettled([following, written]);
      if (done.status === 'rejected' || next.status === 'rejected') {
        throw done.status === 'rejected' ? done.reason : (next as PromiseRejectedResult).reason;
      }
      count.identities += page.length;
      count.contacts += page.reduce((sum, { contacts }) => sum + contacts.length, 0);
      page = next.value;
    }
    return seen;
  }, tenantId);
  const cursor = events && moment && textOf(await events.cursorOf(tenantId, moment));
  return { ...count, cursor };
}

/** All pages see one snapshot: writes of others during the export do not show. */
export const ONE_SNAPSHOT: Statement = {
  name: 'export_snapshot',
  text: 'set transaction isolation level repeatable read read only',
};

/** The transaction is idle while the target is slow. It holds no row, so it may be. */
export const NO_IDLE_TIMEOUT: Statement = {
  name: 'export_unhurried',
  text: 'set local idle_in_transaction_session_timeout = 0',
};

/**
 * $2 the last primary seen, $3 how many identities → the live contacts of the next identities, in order of primary and
 * age. Two indexed branches, since an `or` of both would scan the table; only the page is sorted.
 */
export const PAGE: Statement = {
  name: 'export_page',
  text: `with p as materialized (
    select id, email, phone_number, identifiers, created_at from contact
    where tenant_id = $1 and id > $2 and linked_id is null and deleted_at is null
    order by id limit $3),
  c as (
    select p.id as root, p.* from p
    union all
    select p.id as root, c.* from p cross join lateral (
      select id, email, phone_number, identifiers, created_at from contact
      where tenant_id = $1 and linked_id = p.id and deleted_at is null offset 0) c)
  select root, id, email, phone_number, identifiers, ${microsOf('created_at')} as created_at
  from c order by root, c.created_at, id`,
};

interface DatedIdentity {
  readonly primaryId: number;
  /** The live ones, the oldest first */
  readonly contacts: readonly Contact[];
}

async function pageAfter(
  transaction: Transaction,
  kinds: Kinds,
  tenantId: number,
  primaryId: number,
): Promise<DatedIdentity[]> {
  const [rows = []] = await transaction.send([PAGE, tenantId, primaryId, PAGE_SIZE]);
  const identities: { primaryId: number; contacts: Contact[] }[] = [];
  for (const row of rows) {
    const root = Number(row.root);
    if (identities.at(-1)?.primaryId !== root) {
      identities.push({ primaryId: root, contacts: [] });
    }
    identities.at(-1)!.contacts.push(contactOf(kinds, row));
  }
  return identities;
}

/** The identity as the API shows it, and its contacts with their dates. */
function ndjsonOf({ contacts }: DatedIdentity, kinds: Kinds): string {
  const dated = contacts.map(({ id, identifiers, createdAt }) => ({
    id,
    email: valueOf(identifiers, EMAIL.name),
    phoneNumber: valueOf(identifiers, PHONE_NUMBER.name),
    ...(kinds.further.length > 0 && { identifiers: furtherOf(identifiers) }),
    createdAt: isoOf(createdAt),
  }));
  return `${JSON.stringify({ ...new IdentityDto(viewOf(contacts), kinds), contacts: dated })}\n`;
}

/**
 * One contact a row, in the order they were created. If the rows are imported in this order, each brings the news that its contact
 * brought, and the same contacts are created; but not always those that brought no news, only an earlier date.
 */
function csvOf({ primaryId, contacts }: DatedIdentity, { further }: Kinds, isExcelSafe: boolean): string {
  const field = (value: string | null): string | null =>
    value === null ? null : isExcelSafe ? guarded(value) : unambiguous(value);
  return contacts
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, identifiers, createdAt }) =>
      csvLine([
        String(primaryId),
        String(id),
        field(valueOf(identifiers, EMAIL.name)),
        field(valueOf(identifiers, PHONE_NUMBER.name)),
        isoOf(createdAt),
        ...further.map(({ name }) => field(valueOf(identifiers, name))),
      ]),
    )
    .join('');
}

import type { Row, SqlSession, Transaction } from '../../database/session/sql-session.js';
import { viewOf, type Contact } from '../../identity/domain/contact.js';
import { csvLine } from './csv-line.js';
import { PAGE, SNAPSHOT, UNHURRIED } from './export.statements.js';
import type { Format } from './format.js';

/** Identities read at once; the memory that an export takes. */
const PAGE_SIZE = 1000;

/** How much was exported. */
export interface Exported {
  identities: number;
  contacts: number;
}

/**
 * Passes on all identities of a tenant at one moment as text, in order of their primary contact.
 *
 * @param write takes a piece of the text; the next page is read meanwhile, and passed on when it is done
 */
export async function exportIdentities(
  session: SqlSession,
  tenantId: number,
  format: Format,
  isExcelSafe: boolean,
  write: (text: string) => Promise<void>,
): Promise<Exported> {
  const exported = { identities: 0, contacts: 0 };
  const text = format === 'csv' ? (identity: Identity) => csvOf(identity, isExcelSafe) : ndjsonOf;
  await session.transaction(async (transaction) => {
    await transaction.send([SNAPSHOT], [UNHURRIED]);
    // the snapshot is that of the first page
    let page = await pageAfter(transaction, tenantId, 0);
    if (format === 'csv') {
      await write(csvLine(['primaryContactId', 'contactId', 'email', 'phoneNumber', 'createdAt']));
    }
    while (page.length > 0) {
      const following = pageAfter(transaction, tenantId, page.at(-1)!.primaryId);
      const written = write(page.map(text).join(''));
      const [next, done] = await Promise.allSettled([following, written]);
      if (done.status === 'rejected' || next.status === 'rejected') {
        throw done.status === 'rejected' ? done.reason : (next as PromiseRejectedResult).reason;
      }
      exported.identities += page.length;
      exported.contacts += page.reduce((sum, { contacts }) => sum + contacts.length, 0);
      page = next.value;
    }
  }, tenantId);
  return exported;
}

interface Identity {
  readonly primaryId: number;
  /** Live ones, the oldest first */
  readonly contacts: readonly Contact[];
}

async function pageAfter(transaction: Transaction, tenantId: number, primaryId: number): Promise<Identity[]> {
  const [rows = []] = await transaction.send([PAGE, tenantId, primaryId, PAGE_SIZE]);
  const identities: { primaryId: number; contacts: Contact[] }[] = [];
  for (const row of rows) {
    const root = Number(row.root);
    if (identities.at(-1)?.primaryId !== root) {
      identities.push({ primaryId: root, contacts: [] });
    }
    identities.at(-1)!.contacts.push(contactOf(row));
  }
  return identities;
}

function contactOf(row: Row): Contact {
  return {
    id: Number(row.id),
    email: row.email as string | null,
    phoneNumber: row.phone_number as string | null,
    createdAt: Number(row.created_at),
    version: 0,
    isDeleted: false,
  };
}

/** The identity as the API shows it, and its contacts with their dates. */
function ndjsonOf({ contacts }: Identity): string {
  const dated = contacts.map(({ id, email, phoneNumber, createdAt }) => ({
    id,
    email,
    phoneNumber,
    createdAt: isoOf(createdAt),
  }));
  return `${JSON.stringify({ ...viewOf(contacts), contacts: dated })}\n`;
}

/**
 * One contact a row, in the order in which they came: whoever takes the rows in again in this order finds in each
 * contact the news that it brought, and makes the same contacts of them.
 */
function csvOf({ primaryId, contacts }: Identity, isExcelSafe: boolean): string {
  const field = (value: string | null): string | null =>
    isExcelSafe && value !== null && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return contacts
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, email, phoneNumber, createdAt }) =>
      csvLine([String(primaryId), String(id), field(email), field(phoneNumber), isoOf(createdAt)]),
    )
    .join('');
}

/** ISO 8601 with microseconds, which the order of contacts rests on. */
function isoOf(micros: number): string {
  const ms = Math.floor(micros / 1000);
  const rest = String(micros - ms * 1000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}

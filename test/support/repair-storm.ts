import type { Reply, ServiceClient } from './client.js';
import type { TestDatabase } from './database.js';
import { violations } from './invariants.js';
import { ambiguousVersions } from './versions.js';

// Few, so that calls meet.
const EMAILS = 7;
const PHONES = 7;
const REASON = 'A storm';

interface Named {
  readonly kind: string;
  readonly value: string;
}

type Operation = (client: ServiceClient) => Promise<Reply | null>;
type Operations = Readonly<Record<string, readonly [weight: number, operation: Operation]>>;

/** Calls of all kinds that change identities, by chance, about a few identifiers; and what their callers were told. */
export class RepairStorm {
  /** By kind of call: how often each status was answered; 0: there was no answer. */
  readonly tally: Record<string, Record<number, number>> = {};
  /** Calls that were sent, whatever became of them. */
  calls = 0;
  /** Answers that say that something is wrong with the service. */
  private readonly faults: object[] = [];
  /** By kind: the changes that were told. */
  private readonly told: Record<string, number[]> = { undo: [], split: [], merge: [], review: [] };
  private readonly operations: Operations;
  private readonly kinds: readonly string[];

  /** @param changesPolicy whether limits and blocked values change too, and some are erased */
  constructor(
    private readonly database: TestDatabase,
    private readonly next: () => number,
    { changesPolicy = false } = {},
  ) {
    this.operations = changesPolicy ? { ...this.repairs, ...this.policies } : this.repairs;
    this.kinds = Object.entries(this.operations).flatMap(([kind, [weight]]) =>
      Array.from({ length: weight }, () => kind),
    );
  }

  /** Makes one call. Returns whether it was answered. */
  async call(client: ServiceClient): Promise<boolean> {
    const kind = this.kinds[this.some(this.kinds.length)]!;
    this.calls++;
    const reply = await this.operations[kind]![1](client).catch((): 'none' => 'none');
    if (reply === null) {
      return true;
    }
    const status = reply === 'none' ? 0 : reply.status;
    const ofKind = (this.tally[kind] ??= {});
    ofKind[status] = (ofKind[status] ?? 0) + 1;
    if (reply === 'none') {
      return false;
    }
    if (status >= 500 && status !== 503) {
      this.faults.push({ kind, status, body: reply.body });
    }
    const { changed, changeId } = reply.body as { changed?: boolean; changeId?: number };
    if (status === 200 && changed === true) {
      this.told[kind]?.push(changeId!);
    }
    return true;
  }

  /** How many changes of a kind were told. */
  made(kind: 'undo' | 'split' | 'merge' | 'review'): number {
    return this.told[kind]!.length;
  }

  /**
   * What is wrong afterwards: answers, invariants, versions with two contents, changes that were told and are not there, and
   * changes that are there and can't be those of calls without an answer.
   */
  async wrong(): Promise<object> {
    const lost: Record<string, object> = {};
    for (const [kind, ids] of Object.entries(this.told)) {
      const rows = await this.database.query<{ id: number }>(
        'select id::int as id from change where kind = $1 and is_changed',
        [kind],
      );
      const recorded = new Set(rows.map(({ id }) => id));
      const { 0: cut = 0, 503: refused = 0 } = this.tally[kind] ?? {};
      const missing = ids.filter((id) => !recorded.has(id));
      if (
        missing.length > 0 ||
        ids.length !== new Set(ids).size ||
        recorded.size > ids.length + cut + refused
      ) {
        lost[kind] = { missing, told: ids.length, recorded: recorded.size, cut, refused };
      }
    }
    return {
      faults: this.faults,
      violations: await violations(this.database),
      versions: await ambiguousVersions(this.database),
      lost,
    };
  }

  private readonly repairs: Operations = {
    identify: [
      40,
      (client) => {
        const shape = this.next();
        return client.send('POST', '/identify', {
          email: shape < 0.1 ? null : this.email().value,
          phoneNumber: shape > 0.9 ? null : this.phone().value,
        });
      },
    ],
    undo: [
      16,
      async (client) => {
        // Most of them are in force.
        const id = await this.anyId(
          'select id from identity_merge order by undone_by is not null, id desc limit 12',
        );
        return id === null ? null : client.send('POST', `/merges/${id}/undo`, { reason: REASON });
      },
    ],
    split: [
      12,
      async (client) => {
        const contactId = await this.anyContact();
        const other = await this.anyContact();
        const named =
          this.next() < 0.5 ? { contactIds: [other] } : { identifiers: [await this.valueOf(contactId)] };
        return contactId === null
          ? null
          : client.send('POST', '/splits', { contactId, ...named, reason: REASON });
      },
    ],
    merge: [
      10,
      async (client) => {
        const ids = [await this.anyContact(), await this.anyContact(), await this.anyContact()];
        const contactIds = [...new Set(ids.slice(0, 2 + this.some(2)))].filter((id) => id !== null);
        return contactIds.length < 2
          ? null
          : client.send('POST', '/merges', { contactIds, force: this.next() < 0.5, reason: REASON });
      },
    ],
    'delete a contact': [
      5,
      async (client) => {
        const id = await this.anyContact();
        return id === null ? null : client.send('DELETE', `/contacts/${id}`);
      },
    ],
    'delete an identity': [
      2,
      async (client) => {
        const id = await this.anyContact();
        return id === null ? null : client.send('DELETE', `/identities/${id}`);
      },
    ],
    rule: [
      6,
      (client) => client.send('POST', '/rules', { identifiers: [this.any(), this.any()], reason: REASON }),
    ],
    review: [
      14,
      async (client) => {
        // Most of them are open.
        const id = await this.anyId('select id from review order by decision is not null, id desc limit 8');
        const decision = this.next() < 0.5 ? 'link' : 'keep-apart';
        return id === null ? null : client.send('POST', `/reviews/${id}`, { decision, reason: REASON });
      },
    ],
    'list reviews': [
      6,
      (client) => client.send('GET', `/reviews?state=${this.next() < 0.5 ? 'open' : 'decided'}&limit=5`),
    ],
    'delete a rule': [
      16,
      async (client) => {
        const id = await this.anyId('select distinct rule_id as id from do_not_link order by 1');
        return id === null ? null : client.send('DELETE', `/rules/${id}`);
      },
    ],
  };

  private readonly policies: Operations = {
    limits: [
      4,
      async (client) => {
        const known = await client.send<object>('GET', '/policy');
        const maxContacts = [2, 3, 5, 1_000][this.some(4)];
        const maxPerIdentity = [null, 1, 2][this.some(3)];
        return client.send(
          'PUT',
          '/policy',
          { maxContacts, kinds: [{ name: 'phoneNumber', maxPerIdentity }] },
          { 'if-match': known.headers.get('etag') ?? '' },
        );
      },
    ],
    block: [
      4,
      (client) => {
        const { kind, value: pattern } = this.any();
        const existing = this.next() < 0.7 ? 'split' : 'keep';
        return client.send('POST', '/blocked-values', { kind, pattern, existing, reason: REASON });
      },
    ],
    unblock: [
      6,
      async (client) => {
        const id = await this.anyId('select id from blocked_value order by id');
        return id === null ? null : client.send('DELETE', `/blocked-values/${id}`);
      },
    ],
    erase: [
      3,
      (client) => {
        const scope = this.next() < 0.5 ? 'identity' : 'identifier';
        return client.send('POST', '/erasures', { identifier: this.any(), scope, reason: REASON });
      },
    ],
  };

  private some(count: number): number {
    return Math.floor(this.next() * count);
  }

  private email(): Named {
    return { kind: 'email', value: `doc${this.some(EMAILS)}@hillvalley.edu` };
  }

  private phone(): Named {
    return { kind: 'phoneNumber', value: `80${this.some(PHONES)}` };
  }

  private any(): Named {
    return this.next() < 0.5 ? this.email() : this.phone();
  }

  private anyContact(): Promise<number | null> {
    return this.anyId('select id from contact where deleted_at is null order by id');
  }

  /** One of the ids that a query finds; null if it finds none. */
  private async anyId(query: string): Promise<number | null> {
    const rows = await this.database.query<{ id: string }>(query);
    const row = rows[this.some(rows.length)];
    return row === undefined ? null : Number(row.id);
  }

  /** An identifier of a contact, or any if it has none. */
  private async valueOf(contactId: number | null): Promise<Named> {
    const [row] = await this.database.query<{ email: string | null; phone: string | null }>(
      'select email, phone_number as phone from contact where id = $1',
      [contactId],
    );
    const named = [
      { kind: 'email', value: row?.email },
      { kind: 'phoneNumber', value: row?.phone },
    ].filter((each): each is Named => typeof each.value === 'string');
    return named[this.some(named.length)] ?? this.any();
  }
}

/** What {@link RepairStorm.wrong} finds if nothing is. */
export const NOTHING_WRONG = { faults: [], violations: {}, versions: [], lost: {} };

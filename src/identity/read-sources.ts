import { InjectRepository } from '@mikro-orm/nestjs';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';
import { Settings } from '../config/settings.js';
import { ReadReplica } from '../database/read-replica.js';
import { DatabaseUnavailableError, retryUnavailable } from '../database/session/unavailable.js';
import { ReadLanes } from './read-lanes.js';
import { ContactRepository } from './store/contact.repository.js';
import { Contact } from './store/entities/contact.js';
import { IdentityLists } from './store/identity-lists.js';
import { IdentityReader } from './store/identity-reader.js';
import { IdentityRecords } from './store/identity-records.js';

/** Where identities are read from: the primary database, or its read replica. */
export interface ReadSource {
  readonly reader: IdentityReader;
  readonly records: IdentityRecords;
  readonly lists: IdentityLists;
}

/**
 * Reads from the read replica whenever it shows all that was committed before, and otherwise from the primary.
 *
 * For reads that answer callers and change nothing. What a decision rests on is read from the primary.
 */
@Injectable()
export class ReadSources {
  private readonly primary: ReadSource;
  private readonly secondary: { readonly source: ReadSource; readonly lanes: ReadLanes } | null;
  private readonly reads: Counter<'source'>;

  constructor(
    private readonly replica: ReadReplica,
    private readonly lanes: ReadLanes,
    reader: IdentityReader,
    records: IdentityRecords,
    lists: IdentityLists,
    settings: Settings,
    @InjectRepository(Contact) contacts: ContactRepository,
    registry: Registry,
  ) {
    this.primary = { reader, records, lists };
    this.secondary = secondaryOf(replica, contacts, settings);
    this.reads = new Counter({
      name: 'identity_reads_total',
      help: 'Reads of identities that were answered, by the database that was read: primary or replica',
      labelNames: ['source'],
      registers: [registry],
    });
    (['primary', 'replica'] as const).forEach((source) => this.reads.inc({ source }, 0));
  }

  /** Reads something small. */
  async read<T>(tenantId: number, work: (from: ReadSource) => Promise<T>): Promise<T> {
    const read = await this.fromReplica((lanes, from) => lanes.readOnce(tenantId, () => work(from)));
    return read === null ? this.counted(this.lanes.read(tenantId, () => work(this.primary))) : read.result;
  }

  /**
   * Reads what may be large; see {@link ReadLanes.readAny}.
   *
   * @param options `isCached`: what is large is read from the primary, because only its rows are cached
   */
  async readAny<T>(
    tenantId: number,
    few: (from: ReadSource) => Promise<T | null>,
    all: (from: ReadSource) => Promise<T>,
    { isCached = false }: { readonly isCached?: boolean } = {},
  ): Promise<T> {
    const read = await this.fromReplica((lanes, from) =>
      isCached
        ? lanes.readOnce(tenantId, () => few(from))
        : lanes.readAnyOnce(
            tenantId,
            () => few(from),
            () => all(from),
          ),
    );
    return read === null || read.result === null
      ? this.counted(
          this.lanes.readAny(
            tenantId,
            () => few(this.primary),
            () => all(this.primary),
          ),
        )
      : read.result;
  }

  /**
   * Null: the primary must be read, because there is no replica, or it can't serve now.
   *
   * The replica is asked before each attempt: after a crash it may be behind what it has shown before.
   */
  private async fromReplica<T>(
    work: (lanes: ReadLanes, from: ReadSource) => Promise<T>,
  ): Promise<{ readonly result: T } | null> {
    if (this.secondary === null) {
      return null;
    }
    const { lanes, source } = this.secondary;
    try {
      return await retryUnavailable(async () => {
        if (!(await this.replica.isFresh())) {
          return null;
        }
        const result = await work(lanes, source);
        if (result !== null) {
          this.reads.inc({ source: 'replica' });
        }
        return { result };
      });
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError)) {
        throw error;
      }
      this.replica.leaveAlone();
      return null;
    }
  }

  private async counted<T>(read: Promise<T>): Promise<T> {
    const result = await read;
    this.reads.inc({ source: 'primary' });
    return result;
  }
}

function secondaryOf(
  replica: ReadReplica,
  contacts: ContactRepository,
  settings: Settings,
): { readonly source: ReadSource; readonly lanes: ReadLanes } | null {
  if (replica.orm === null) {
    return null;
  }
  const own = (replica.orm.em as SqlEntityManager).getRepository(Contact);
  own.policyOf = (tenantId) => contacts.policyOf(tenantId);
  own.onUnknownKind = (tenantId) => contacts.onUnknownKind(tenantId);
  // It keeps nothing: an erased person could come back into it from a replica that is behind.
  const reader = new IdentityReader(own, { ...settings, identityCacheBytes: 0 });
  return {
    source: { reader, records: new IdentityRecords(own), lists: new IdentityLists(own) },
    lanes: new ReadLanes(settings),
  };
}

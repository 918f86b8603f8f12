import { MikroORM } from '@mikro-orm/core';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { hash, randomBytes } from 'node:crypto';
import { Settings } from '../config/settings.js';
import { openSession } from '../database/session/open-session.js';
import type { Row, Statement } from '../database/session/sql-session.js';
import { BatchedLookUp } from './batched-look-up.js';

const SECRET_BYTES = 32;
const NOTE_USE_MS = 60_000;
const SWEEP_MS = 600_000;
const SESSION_HOURS = 8;

/** Browsers take a cookie of this prefix only from the host itself, with `Secure` and for all of its paths. */
const COOKIE = '__Host-identity-console';
const COOKIE_ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict';
const SENT = new RegExp(`(?:^|;)\\s*${COOKIE}=([\\w-]{43})\\s*(?:;|$)`);

/** $1 hash, $2 key, $3 hours → a session that begins now. */
export const INSERT: Statement = {
  name: 'console_session_insert',
  text: `insert into console_session (hash, key_id, created_at, expires_at, last_used_at)
    values ($1, $2, now(), now() + $3 * interval '1 hour', now())`,
};

/** $1 hashes → the sessions among them that have not ended. */
export const FIND: Statement = {
  name: 'console_session_find',
  text: `select hash, key_id, (extract(epoch from expires_at) * 1000)::bigint as expires_at from console_session
    where hash = any($1::text[]) and expires_at > now() and last_used_at > now() - interval '30 minutes'`,
};

/** $1 hashes → notes that these sessions were just used. Locks in the order of hashes, as other replicas do. */
export const NOTE_USE: Statement = {
  name: 'console_session_note_use',
  text: `update console_session set last_used_at = now() where hash = any(array(
    select hash from console_session where hash = any($1::text[]) order by hash for no key update))`,
};

/** $1 hash → it has ended. */
export const END: Statement = {
  name: 'console_session_end',
  text: 'delete from console_session where hash = $1',
};

export const SWEEP: Statement = {
  name: 'console_session_sweep',
  text: `delete from console_session where expires_at < now() or last_used_at < now() - interval '30 minutes'`,
};

/** Somebody who signed in to the console with a key. */
export interface ConsoleSession {
  /** The SHA-256 hash of its secret, in hexadecimal digits. */
  readonly id: string;
  readonly keyId: string;
  /** In ms since 1970. */
  readonly expiresAt: number;
}

/**
 * Who is signed in to the console: a browser holds a secret of 256 random bits in a cookie, the database its hash.
 *
 * A session ends after eight hours, after half an hour without a call, when it is signed out, and with its key. Other replicas
 * learn of an end within five seconds.
 */
@Injectable()
export class ConsoleSessions implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly known = new BatchedLookUp<ConsoleSession>((ids) => this.load(ids), 'sessions');
  /** Since the last note in the database. */
  private readonly used = new Set<string>();
  private timers: NodeJS.Timeout[] = [];
  private readonly session = openSession(this.orm.em);

  constructor(
    private readonly orm: MikroORM,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.hasConsole && this.settings.authMode === 'api-key') {
      this.timers = [
        setInterval(() => void this.noteUses(), NOTE_USE_MS).unref(),
        setInterval(() => void this.sweep(), SWEEP_MS).unref(),
      ];
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.timers.forEach(clearInterval);
    await this.noteUses();
  }

  /**
   * Signs in.
   *
   * @returns the header that gives the cookie to the browser
   */
  async open(keyId: string): Promise<string> {
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    await this.query(INSERT, idOf(secret), keyId, SESSION_HOURS);
    return `${COOKIE}=${secret}; ${COOKIE_ATTRIBUTES}; Max-Age=${SESSION_HOURS * 3600}`;
  }

  /**
   * Signs out. Without a session nothing happens.
   *
   * @returns the header that takes the cookie from the browser
   */
  async end(request: FastifyRequest): Promise<string> {
    const id = sessionIdOf(request);
    if (id !== null) {
      await this.query(END, id);
      this.used.delete(id);
      this.known.forget(id);
    }
    return `${COOKIE}=; ${COOKIE_ATTRIBUTES}; Max-Age=0`;
  }

  /**
   * The session of an id, null if there is none or it has ended.
   *
   * @throws {DatabaseUnavailableError} if the database can't answer
   */
  async find(id: string): Promise<ConsoleSession | null> {
    const session = await this.known.find(id);
    if (session === null || session.expiresAt <= Date.now()) {
      return null;
    }
    this.used.add(id);
    return session;
  }

  /** Writes which sessions were used. Once a minute, so a session may end up to a minute early if its replica is killed. */
  async noteUses(): Promise<void> {
    const ids = [...this.used];
    this.used.clear();
    if (ids.length > 0) {
      await this.query(NOTE_USE, ids).catch(() => ids.forEach((id) => this.used.add(id)));
    }
  }

  private async sweep(): Promise<void> {
    await this.query(SWEEP).catch(() =>
      new Logger('Auth').debug('Could not delete ended sessions; trying again in ten minutes'),
    );
  }

  private async load(ids: readonly string[]): Promise<ConsoleSession[]> {
    return (await this.query(FIND, ids)).map((row) => ({
      id: String(row.hash),
      keyId: String(row.key_id),
      expiresAt: Number(row.expires_at),
    }));
  }

  private async query(statement: Statement, ...values: unknown[]): Promise<Row[]> {
    return this.session.query([statement, ...values], null);
  }
}

/** The id of the session that a browser has sent the cookie of; null: it has sent none. */
export function sessionIdOf({ headers }: FastifyRequest): string | null {
  const secret = headers.cookie === undefined ? undefined : SENT.exec(headers.cookie)?.[1];
  return secret === undefined ? null : idOf(secret);
}

function idOf(secret: string): string {
  return hash('sha256', secret, 'hex');
}

const CHANGING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Whether a call may rely on a cookie, which browsers add to calls of any page: it changes nothing, or a page of this host makes it.
 *
 * A browser that does not say where a call comes from sends `Origin` at least; its scheme is not compared, because a proxy may have
 * taken off the TLS.
 */
export function isFromOwnPage({ method, headers }: FastifyRequest): boolean {
  if (!CHANGING.has(method)) {
    return true;
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    return site === 'same-origin';
  }
  const { origin, host } = headers;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

import ipaddr from 'ipaddr.js';
import { isSupportedCountry, type CountryCode } from 'libphonenumber-js/max';
import { resolve } from 'node:path';
import { parse } from 'pg-connection-string';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const AUTH_MODES = ['none', 'api-key'] as const;
export type AuthMode = (typeof AUTH_MODES)[number];
const DATABASE_ENGINES = ['auto', 'postgresql', 'citus'] as const;
export type DatabaseEngine = (typeof DATABASE_ENGINES)[number];
const POOLERS = ['none', 'transaction'] as const;
export type Pooler = (typeof POOLERS)[number];
const EMAIL_RULES = ['none', 'gmail'] as const;
const PHONE_FORMS = ['same', 'apart'] as const;
const UNKNOWN_PROPERTIES = ['ignore', 'reject'] as const;
export type UnknownProperties = (typeof UNKNOWN_PROPERTIES)[number];
/** Networks in CIDR notation, read: the lowest address, and how many bits all addresses share with it. */
export type Networks = readonly (readonly [network: ipaddr.IPv4 | ipaddr.IPv6, bits: number])[];
export type LogLevel = (typeof LOG_LEVELS)[number];

/** All settings of the environment, parsed and validated once. Injected wherever a setting is needed. */
export class Settings {
  /** Address to listen on. The default is reachable only from this machine, because the service may run without keys. */
  readonly host: string;
  /** TCP port, 0 to 65535; with 0 the system chooses. */
  readonly port: number;
  readonly logLevel: LogLevel;
  /** TCP port of the metrics, 0 to 65535; with 0 the system chooses; null: no metrics are kept or served. */
  readonly metricsPort: number | null;
  /** Address on which the metrics listen. */
  readonly metricsHost: string;
  /** PostgreSQL connection URL; null: the embedded database in `dataDir`. */
  readonly databaseUrl: string | null;
  /** What runs PostgreSQL's tables: one server, or a Citus cluster; `auto`: it is asked at the start. */
  readonly databaseEngine: DatabaseEngine;
  /** URL of a streaming replica of that database, the read replica; null: there is none. */
  readonly databaseReplicaUrl: string | null;
  /** The pooler between the service and PostgreSQL: none, or one that hands out connections by transaction. */
  readonly databasePooler: Pooler;
  /** Role that `migration:up` grants what replicas need; null: they connect as the owner of the tables. */
  readonly databaseServiceRole: string | null;
  /** The most connections of this process, without the one of the readiness check. */
  readonly databasePoolMax: number;
  /** The key of the hashes that erasures leave; null: none is set. Never shown. */
  readonly erasureKey: Buffer | null;
  /** The key that the signing secrets of webhooks are encrypted with; null: none is set. Never shown. */
  readonly webhookKey: Buffer | null;
  /** The key before it, while secrets may still be encrypted with that. Never shown. */
  readonly webhookKeyPrevious: Buffer | null;
  /** Networks that webhooks may reach although they are not public, by http too. */
  readonly webhookAllowedNetworks: Networks;
  /** Whether callers show an API key; with `none` all calls belong to one tenant. */
  readonly authMode: AuthMode;
  /** Whether it may start without keys in production. */
  readonly allowsNoAuth: boolean;
  /** Whether the calls of a key are limited. */
  readonly isRateLimited: boolean;
  /** Calls that a key may make in a minute, unless it has a limit of its own. */
  readonly callsPerMinute: number;
  /** Sightings that may wait for a batch; further calls are answered with 503. */
  readonly queueMax: number;
  /** Ms that the event loop may be behind before calls are answered with 503; 0: never. */
  readonly maxEventLoopDelayMs: number;
  /** Absolute path of the embedded database's folder; used without `databaseUrl` only. */
  readonly dataDir: string;
  /** Whether the service brings the schema up to date when it starts. */
  readonly migrateOnStart: boolean;
  /** Country whose national phone numbers are understood; null: they keep their digits. */
  readonly defaultPhoneRegion: CountryCode | null;
  /** Whose rules decide which spellings of an email are one mailbox. */
  readonly emailRules: (typeof EMAIL_RULES)[number];
  /** Whether both forms of a mobile number count as the same. */
  readonly phoneForms: (typeof PHONE_FORMS)[number];
  /** Whether changes leave events. */
  readonly hasEvents: boolean;
  /** How many days events are kept. */
  readonly eventsRetentionDays: number;
  /** What happens to unknown properties of a request body. */
  readonly unknownProperties: UnknownProperties;
  /** Whether `/docs` and the OpenAPI document are served. */
  readonly hasDocs: boolean;
  /** Whether the console is served at `/console`. */
  readonly hasConsole: boolean;
  /** The most sightings in one batch. */
  readonly batchMax: number;
  /** Batches that run at the same time; at most as many as connections. */
  readonly batchLanes: number;

  /** Identities with this many contacts or more are kept in memory. */
  readonly identityCacheMinContacts: number;
  /** Memory for them in bytes, roughly; 0: none is kept. */
  readonly identityCacheBytes: number;

  /**
   * @param env variables by name; an empty value counts as not set, because Compose and CI pass "unset" that way
   * @throws {SettingsError} naming every wrong variable and what it allows, never its value, which may be a secret
   */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    const read = new Reader(env);
    this.host = read.text('HOST', '127.0.0.1');
    this.port = read.integer('PORT', 3000, 0, 65_535);
    this.logLevel = read.oneOf('LOG_LEVEL', LOG_LEVELS, 'info');
    this.metricsPort = read.integerOrOff('METRICS_PORT', 9464, 0, 65_535);
    this.metricsHost = read.text('METRICS_HOST', this.host);
    this.databaseUrl = read.postgresUrl('DATABASE_URL');
    this.databaseEngine = read.oneOf('DATABASE_ENGINE', DATABASE_ENGINES, 'auto');
    this.databaseReplicaUrl = read.postgresUrl('DATABASE_REPLICA_URL');
    this.databasePooler = read.oneOf('DATABASE_POOLER', POOLERS, 'none');
    this.databaseServiceRole = read.role('DATABASE_SERVICE_ROLE');
    this.databasePoolMax = read.integer('DATABASE_POOL_MAX', 10, 1, 1000);
    this.erasureKey = read.secret('ERASURE_KEY', 32);
    this.webhookKey = read.secret('WEBHOOK_KEY', 32);
    this.webhookKeyPrevious = read.secret('WEBHOOK_KEY_PREVIOUS', 32);
    this.webhookAllowedNetworks = read.networks('WEBHOOK_ALLOWED_NETWORKS');
    this.authMode = read.oneOf('AUTH_MODE', AUTH_MODES, 'none');
    this.allowsNoAuth = read.flag('ALLOW_NO_AUTH', false);
    this.isRateLimited = read.flag('RATE_LIMIT_ENABLED', this.authMode === 'api-key');
    this.callsPerMinute = read.integer('RATE_LIMIT_PER_MINUTE', 60_000, 1, 1_000_000_000);
    this.queueMax = read.integer('QUEUE_MAX', 4096, 1, 1_000_000);
    this.maxEventLoopDelayMs = read.integer('MAX_EVENT_LOOP_DELAY_MS', 1000, 0, 60_000);
    this.dataDir = resolve(read.text('DATA_DIR', './data'));
    this.migrateOnStart = read.flag('MIGRATE_ON_START', this.databaseUrl === null);
    this.defaultPhoneRegion = read.country('DEFAULT_PHONE_REGION');
    this.emailRules = read.oneOf('EMAIL_RULES', EMAIL_RULES, 'none');
    this.phoneForms = read.oneOf('PHONE_FORMS', PHONE_FORMS, 'same');
    this.hasEvents = read.flag('EVENTS_ENABLED', true);
    this.eventsRetentionDays = read.integer('EVENTS_RETENTION_DAYS', 30, 1, 3650);
    this.unknownProperties = read.oneOf('UNKNOWN_PROPERTIES', UNKNOWN_PROPERTIES, 'ignore');
    this.hasDocs = read.flag('DOCS_ENABLED', true);
    this.hasConsole = read.flag('CONSOLE_ENABLED', true);
    this.batchMax = read.integer('BATCH_MAX', 256, 1, 10_000);
    // A lane without a connection would only wait for one.
    this.batchLanes = Math.min(read.integer('BATCH_LANES', 2, 1, 64), this.databasePoolMax);
    this.identityCacheMinContacts = read.integer('IDENTITY_CACHE_MIN_CONTACTS', 100, 1, 1_000_000);
    this.identityCacheBytes = read.integer('IDENTITY_CACHE_MB', 32, 0, 4096) * 1024 * 1024;
    read.refuseIf(
      this.isRateLimited && this.authMode === 'none',
      'RATE_LIMIT_ENABLED counts by API key: it needs AUTH_MODE=api-key',
    );
    read.refuseIf(
      this.databaseReplicaUrl !== null && this.databaseUrl === null,
      'DATABASE_REPLICA_URL needs DATABASE_URL: the embedded database has no replicas',
    );
    read.finish();
  }
}

/** The environment is wrong. The message has one line for each wrong variable. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

class Reader {
  private readonly mistakes: string[] = [];

  constructor(private readonly env: Readonly<Record<string, string | undefined>>) {}

  text(name: string, fallback: string): string {
    return this.given(name) ?? fallback;
  }

  integer(name: string, fallback: number, min: number, max: number, orElse = ''): number {
    const value = this.given(name);
    if (value === null) {
      return fallback;
    }
    const number = Number(value);
    if (!/^\d{1,10}$/.test(value) || number < min || number > max) {
      this.mistakes.push(`${name} must be a whole number from ${min} to ${max}${orElse}`);
      return fallback;
    }
    return number;
  }

  integerOrOff(name: string, fallback: number, min: number, max: number): number | null {
    const isOff = this.given(name)?.toLowerCase() === 'off';
    return isOff ? null : this.integer(name, fallback, min, max, ', or off');
  }

  flag(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ['true', 'false'], fallback ? 'true' : 'false') === 'true';
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: NoInfer<T>): T {
    const value = this.given(name)?.toLowerCase() ?? fallback;
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) {
      this.mistakes.push(`${name} must be one of ${allowed.join(', ')}`);
    }
    return found ?? fallback;
  }

  country(name: string): CountryCode | null {
    const value = this.given(name)?.toUpperCase() ?? null;
    if (value === null || isSupportedCountry(value)) {
      return value;
    }
    this.mistakes.push(`${name} must be a two-letter country code such as US, GB or DE (ISO 3166-1 alpha-2)`);
    return null;
  }

  role(name: string): string | null {
    const value = this.given(name);
    if (value === null || /^[a-z_][a-z0-9_]{0,62}$/.test(value)) {
      return value;
    }
    this.mistakes.push(`${name} must be the name of a role: lower case letters, digits and underscores`);
    return null;
  }

  secret(name: string, minBytes: number): Buffer | null {
    const value = this.given(name);
    const secret = value === null ? null : Buffer.from(value);
    if (secret !== null && secret.length < minBytes) {
      this.mistakes.push(
        `${name} must have at least ${minBytes} bytes, such as \`openssl rand -base64 32\` makes`,
      );
    }
    return secret;
  }

  networks(name: string): Networks {
    const given = (this.given(name) ?? '').split(',').map((network) => network.trim());
    const networks = given.filter((network) => network !== '');
    if (!networks.every((network) => ipaddr.isValidCIDR(network))) {
      this.mistakes.push(`${name} must be networks such as 10.1.0.0/16 or fd00:1::/32, with commas between`);
      return [];
    }
    return networks.map((network) => ipaddr.parseCIDR(network));
  }

  postgresUrl(name: string): string | null {
    const value = this.given(name);
    if (value === null || isPostgresUrl(value)) {
      return value;
    }
    this.mistakes.push(`${name} must be a URL of the form postgres://user:password@host:5432/database`);
    return null;
  }

  refuseIf(isWrong: boolean, mistake: string): void {
    if (isWrong) {
      this.mistakes.push(mistake);
    }
  }

  finish(): void {
    if (this.mistakes.length > 0) {
      throw new SettingsError(
        `The configuration is wrong:\n${this.mistakes.map((line) => `  ${line}`).join('\n')}`,
      );
    }
  }

  private given(name: string): string | null {
    const value = this.env[name]?.trim();
    return value === undefined || value === '' ? null : value;
  }
}

/** Whether the driver can read the URL: its parts decode, it names a database, and the files it names exist. */
function isPostgresUrl(value: string): boolean {
  try {
    const { protocol, username, password, pathname } = new URL(value);
    [username, password, pathname].forEach(decodeURIComponent);
    return /^postgres(ql)?:$/.test(protocol) && Boolean(parse(value).database);
  } catch {
    return false;
  }
}

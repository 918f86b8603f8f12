import ipaddr from 'ipaddr.js';
import { resolve } from 'node:path';
import { replicaOptions } from '../../mikro-orm.config.js';
import { Settings, SettingsError } from '../../src/config/settings.js';

test('an empty environment gives the defaults: the embedded database, reachable from this machine only', () => {
  expect({ ...new Settings({}) }).toEqual({
    host: '127.0.0.1',
    port: 3000,
    logLevel: 'info',
    metricsPort: 9464,
    metricsHost: '127.0.0.1',
    databaseUrl: null,
    databaseEngine: 'auto',
    databaseReplicaUrl: null,
    databasePooler: 'none',
    databaseServiceRole: null,
    databasePoolMax: 10,
    erasureKey: null,
    webhookKey: null,
    webhookKeyPrevious: null,
    webhookAllowedNetworks: [],
    authMode: 'none',
    allowsNoAuth: false,
    isRateLimited: false,
    callsPerMinute: 60_000,
    queueMax: 4096,
    maxEventLoopDelayMs: 1000,
    dataDir: resolve('data'),
    migrateOnStart: true,
    defaultPhoneRegion: null,
    emailRules: 'none',
    phoneForms: 'same',
    hasEvents: true,
    eventsRetentionDays: 30,
    unknownProperties: 'ignore',
    hasDocs: true,
    hasConsole: true,
    batchMax: 256,
    batchLanes: 2,
    identityCacheMinContacts: 100,
    identityCacheBytes: 32 * 1024 * 1024,
  });
});

test('every variable is read', () => {
  const env = {
    HOST: '0.0.0.0',
    PORT: '8080',
    LOG_LEVEL: 'DEBUG',
    METRICS_PORT: '9100',
    METRICS_HOST: '::1',
    DATABASE_URL: 'postgres://app:secret@db:5432/identity',
    DATABASE_ENGINE: 'citus',
    DATABASE_REPLICA_URL: 'postgres://app:secret@db2:5432/identity',
    DATABASE_POOLER: 'transaction',
    DATABASE_SERVICE_ROLE: 'identity_service',
    DATABASE_POOL_MAX: '20',
    ERASURE_KEY: 'k'.repeat(32),
    WEBHOOK_KEY: 'w'.repeat(32),
    WEBHOOK_KEY_PREVIOUS: 'p'.repeat(32),
    WEBHOOK_ALLOWED_NETWORKS: ' 10.1.0.0/16, fd00::/8 ',
    AUTH_MODE: 'api-key',
    ALLOW_NO_AUTH: 'true',
    RATE_LIMIT_ENABLED: 'false',
    RATE_LIMIT_PER_MINUTE: '600',
    QUEUE_MAX: '100',
    MAX_EVENT_LOOP_DELAY_MS: '0',
    DATA_DIR: '/var/lib/identity',
    MIGRATE_ON_START: 'true',
    DEFAULT_PHONE_REGION: 'de',
    EMAIL_RULES: 'Gmail',
    PHONE_FORMS: 'apart',
    EVENTS_ENABLED: 'false',
    EVENTS_RETENTION_DAYS: '7',
    UNKNOWN_PROPERTIES: 'reject',
    DOCS_ENABLED: 'false',
    CONSOLE_ENABLED: 'false',
    BATCH_MAX: '64',
    BATCH_LANES: '4',
    IDENTITY_CACHE_MIN_CONTACTS: '10',
    IDENTITY_CACHE_MB: '0',
  };
  expect({ ...new Settings(env) }).toEqual({
    host: '0.0.0.0',
    port: 8080,
    logLevel: 'debug',
    metricsPort: 9100,
    metricsHost: '::1',
    databaseUrl: 'postgres://app:secret@db:5432/identity',
    databaseEngine: 'citus',
    databaseReplicaUrl: 'postgres://app:secret@db2:5432/identity',
    databasePooler: 'transaction',
    databaseServiceRole: 'identity_service',
    databasePoolMax: 20,
    erasureKey: Buffer.from('k'.repeat(32)),
    webhookKey: Buffer.from('w'.repeat(32)),
    webhookKeyPrevious: Buffer.from('p'.repeat(32)),
    webhookAllowedNetworks: [ipaddr.parseCIDR('10.1.0.0/16'), ipaddr.parseCIDR('fd00::/8')],
    authMode: 'api-key',
    allowsNoAuth: true,
    isRateLimited: false,
    callsPerMinute: 600,
    queueMax: 100,
    maxEventLoopDelayMs: 0,
    dataDir: '/var/lib/identity',
    migrateOnStart: true,
    defaultPhoneRegion: 'DE',
    emailRules: 'gmail',
    phoneForms: 'apart',
    hasEvents: false,
    eventsRetentionDays: 7,
    unknownProperties: 'reject',
    hasDocs: false,
    hasConsole: false,
    batchMax: 64,
    batchLanes: 4,
    identityCacheMinContacts: 10,
    identityCacheBytes: 0,
  });
});

test('the metrics listen where the service does, unless told otherwise, and can be turned off', () => {
  expect(new Settings({ HOST: '::' }).metricsHost).toBe('::');
  expect(new Settings({ METRICS_PORT: 'Off' }).metricsPort).toBeNull();
});

test('with a PostgreSQL the service does not migrate by itself', () => {
  expect(new Settings({ DATABASE_URL: 'postgresql://db/identity' }).migrateOnStart).toBe(false);
});

test('an empty variable counts as absent', () => {
  expect(new Settings({ PORT: '', DATABASE_URL: ' ', DEFAULT_PHONE_REGION: '' })).toEqual(new Settings({}));
});

test('neither the embedded database nor a Citus cluster has a read replica', () => {
  expect(() => new Settings({ DATABASE_REPLICA_URL: 'postgres://app@db/identity' })).toThrow(
    'DATABASE_REPLICA_URL needs DATABASE_URL',
  );
  const ofCluster = {
    DATABASE_URL: 'postgres://app@db/identity',
    DATABASE_REPLICA_URL: 'postgres://app@db2/identity',
    DATABASE_ENGINE: 'citus',
  };
  expect(() => replicaOptions(new Settings(ofCluster))).toThrow(SettingsError);
});

test('there are no more lanes than connections', () => {
  expect(new Settings({ BATCH_LANES: '8', DATABASE_POOL_MAX: '3' }).batchLanes).toBe(3);
});

test.each([
  'postgres://app@db:5432',
  'postgres://app@db:5432/',
  'postgres://%zz@db/identity',
  'postgres://app@db/identity%zz',
  'postgres://app@db/identity?sslrootcert=/nowhere/root.crt',
  'db:5432/identity',
])('a database URL that the driver could not use is refused: %s', (url) => {
  expect(() => new Settings({ DATABASE_URL: url })).toThrow(SettingsError);
});

test('all mistakes are told at once, each with its variable and what it allows, and no value is shown', () => {
  const env = {
    PORT: '70000',
    LOG_LEVEL: 'loud',
    METRICS_PORT: 'on',
    DATABASE_URL: 'mysql://root:hunter2@db/identity',
    DATABASE_POOL_MAX: '0',
    ERASURE_KEY: 'hunter2',
    WEBHOOK_ALLOWED_NETWORKS: '10.1.0.0/16,10.2.0.0',
    MIGRATE_ON_START: 'yes',
    DEFAULT_PHONE_REGION: 'XX',
    EMAIL_RULES: 'hotmail',
    PHONE_FORMS: 'two',
    BATCH_MAX: '1e3',
    BATCH_LANES: '-1',
  };
  expect(() => new Settings(env)).toThrow(
    new SettingsError(
      [
        'The configuration is wrong:',
        '  PORT must be a whole number from 0 to 65535',
        '  LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent',
        '  METRICS_PORT must be a whole number from 0 to 65535, or off',
        '  DATABASE_URL must be a URL of the form postgres://user:password@host:5432/database',
        '  DATABASE_POOL_MAX must be a whole number from 1 to 1000',
        '  ERASURE_KEY must have at least 32 bytes, such as `openssl rand -base64 32` makes',
        '  WEBHOOK_ALLOWED_NETWORKS must be networks such as 10.1.0.0/16 or fd00:1::/32, with commas between',
        '  MIGRATE_ON_START must be one of true, false',
        '  DEFAULT_PHONE_REGION must be a two-letter country code such as US, GB or DE (ISO 3166-1 alpha-2)',
        '  EMAIL_RULES must be one of none, gmail',
        '  PHONE_FORMS must be one of same, apart',
        '  BATCH_MAX must be a whole number from 1 to 10000',
        '  BATCH_LANES must be a whole number from 1 to 64',
      ].join('\n'),
    ),
  );
});

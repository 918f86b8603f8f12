import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createDatabase } from '../support/database.js';
import { useDatabase, useService } from '../support/hooks.js';
import { Scrape } from '../support/metrics.js';
import { ServiceProcess } from '../support/service-process.js';

const LINUX_ONLY = /process_(heap_bytes|virtual_memory_bytes|open_fds|max_fds)/;

const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url, MIGRATE_ON_START: 'false' }));

test('the documented list of metrics is what a service has: names, types, labels and meanings', async () => {
  await service.client.identify({ email: 'lorraine@hillvalley.edu', phoneNumber: '123456' });
  const { families } = await Scrape.of(service);
  const documented = readFileSync('docs/metrics.md', 'utf8')
    .split('\n')
    .map(cells)
    .filter(([name, type]) => /^`\w+`$/.test(name ?? '') && /^(counter|gauge|histogram)$/.test(type ?? ''))
    .filter(([name]) => process.platform === 'linux' || !LINUX_ONLY.test(name!));
  expect(documented).toEqual(
    families.map(({ name, type, help, labels }) => [
      `\`${name}\``,
      type,
      labels?.map((label) => `\`${label}\``).join(', ') ?? expect.any(String),
      help,
    ]),
  );
});

test('a call is counted by the template of its route, and the path stands nowhere', async () => {
  const before = await Scrape.of(service);
  await service.client.send('GET', '/contacts/4711');
  await service.client.send('GET', '/contacts/marty@hillvalley.edu');
  await service.client.send('GET', '/marty@hillvalley.edu?email=marty@hillvalley.edu');
  const after = await Scrape.of(service);
  const count = 'http_request_duration_seconds_count';
  const grown = (of: Record<string, string>): number => after.value(count, of) - before.value(count, of);
  expect(grown(request('404', '/contacts/:id'))).toBe(1);
  expect(grown(request('400', '/contacts/:id'))).toBe(1);
  expect(grown(request('404', 'none'))).toBe(1);
  expect(after.text).not.toContain('hillvalley');
});

test('what becomes of sightings is counted: contacts, merges, batches, sizes and attempts', async () => {
  const before = await Scrape.of(service);
  await service.client.identify({ email: 'george@hillvalley.edu', phoneNumber: '919191' });
  await service.client.identify({ email: 'biff@hillvalley.edu', phoneNumber: '717171' });
  await service.client.identify({ email: 'doc@hillvalley.edu', phoneNumber: '717171' });
  const { primaryContactId } = await service.client.identify({
    email: 'george@hillvalley.edu',
    phoneNumber: '717171',
  });
  await service.client.delete(primaryContactId);
  const after = await Scrape.of(service);
  const grown = (name: string, labels: Record<string, string> = {}): number =>
    after.value(name, labels) - before.value(name, labels);
  expect({
    primaries: grown('identity_contacts_created_total', { link_precedence: 'primary' }),
    secondaries: grown('identity_contacts_created_total', { link_precedence: 'secondary' }),
    merges: grown('identity_merges_total'),
    deletions: grown('identity_deletions_total'),
    batches: grown('identity_batch_size_count'),
    sightings: grown('identity_batch_size_sum'),
    waits: grown('identity_batch_wait_seconds_count'),
    durations: grown('identity_batch_duration_seconds_count'),
    contactsOfAnswers: grown('identity_contacts_per_identity_sum'),
    decisions: grown('identity_decision_attempts_count'),
    attempts: grown('identity_decision_attempts_sum'),
    conflicts: grown('identity_conflicts_total'),
  }).toEqual({
    primaries: 2,
    secondaries: 1,
    merges: 1,
    deletions: 1,
    batches: 4,
    sightings: 4,
    waits: 4,
    durations: 4,
    contactsOfAnswers: 1 + 1 + 2 + 3,
    decisions: 5,
    attempts: 5,
    conflicts: 0,
  });
});

test('rules that are made and removed are counted, and what is left out of sightings because of them', async () => {
  const { client } = service;
  const before = await Scrape.of(service);
  const emails = ['strickland@hillvalley.edu', 'needles@hillvalley.edu'];
  const identities = await Promise.all(emails.map((email) => client.identify({ email })));
  const contactIds = identities.map(({ primaryContactId }) => primaryContactId);
  const [strickland, needles] = emails.map((value) => ({ kind: 'email', value }));
  const rule = (other: unknown): Promise<unknown> =>
    client.send('POST', '/rules', { identifiers: [strickland, other], reason: 'Two customers' });
  await rule(needles);
  await rule(needles); // there already
  await rule({ kind: 'phoneNumber', value: '5' });
  await client.identify({ email: 'strickland@hillvalley.edu', phoneNumber: '5' });
  await client.send('POST', '/merges', { contactIds, reason: 'One customer' });
  await client.send('POST', '/merges', { contactIds, reason: 'One customer', force: true });
  const { body } = await client.send<{ rules: { id: number }[] }>('GET', '/rules');
  await client.send('DELETE', `/rules/${body.rules[0]!.id}`);
  await client.send('PUT', '/policy', { maxContacts: 999 }, { 'if-match': '*' });
  const after = await Scrape.of(service);
  const grown = (name: string, labels: Record<string, string> = {}): number =>
    after.value(name, labels) - before.value(name, labels);
  expect({
    made: grown('identity_rules_made_total'),
    removed: grown('identity_rules_removed_total'),
    withheld: grown('identity_identifiers_withheld_total', { reason: 'do-not-link' }),
    changes: ['rule', 'rule-delete', 'merge', 'policy'].map((kind) =>
      grown('identity_changes_total', { kind }),
    ),
  }).toEqual({ made: 2, removed: 2, withheld: 1, changes: [2, 1, 1, 1] });
});

test('links by a value that a hundred contacts carry already are counted', async () => {
  const { client } = service;
  const metric = 'identity_shared_value_links_total';
  const before = await Scrape.of(service);
  const grown = async (): Promise<number> => (await Scrape.of(service)).value(metric) - before.value(metric);
  const shared = (name: string): Promise<unknown> =>
    client.identify({ email: `${name}@hillvalley.edu`, phoneNumber: '0000000000' });
  await client.identify({ email: 'stranger@hillvalley.edu' });
  for (let i = 1; i <= 100; i++) {
    await shared(`sharer${i}`);
  }
  expect(await grown()).toBe(0);
  await shared('sharer101');
  await shared('sharer101'); // a repetition
  expect(await grown()).toBe(1);
  await shared('stranger'); // a merge
  expect(await grown()).toBe(2);
});

test('reviews that are opened and decided are counted, also if a rule or a link decides them', async () => {
  const { client } = service;
  const before = await Scrape.of(service);
  const [match, goldie] = ['match', 'goldie'].map((name) => ({
    kind: 'email',
    value: `${name}@hillvalley.edu`,
  }));
  const ids: number[] = [];
  for (const phoneNumber of ['61', '62', '63']) {
    const shown = await client.identify({ email: match!.value, phoneNumber });
    ids.push(shown.primaryContactId);
  }
  const { primaryContactId } = await client.identify({ email: goldie!.value });
  const rule = (...identifiers: unknown[]): Promise<unknown> =>
    client.send('POST', '/rules', { identifiers, reason: 'Two customers' });
  await rule(match, goldie);
  const reviewIds: number[] = [];
  for (const phoneNumber of ['61', '62', '63', '63']) {
    const { body } = await client.send<{ ignored: { reviewId: number }[] }>('POST', '/identify', {
      email: goldie!.value,
      phoneNumber,
    });
    reviewIds.push(body.ignored[0]!.reviewId);
  }
  await rule(goldie, { kind: 'phoneNumber', value: '61' });
  const body = { decision: 'keep-apart', reason: 'Two customers' };
  await client.send('POST', `/reviews/${reviewIds[1]}`, body);
  await client.send('POST', `/reviews/${reviewIds[1]}`, body);
  const contactIds = [ids[0], primaryContactId];
  await client.send('POST', '/merges', { contactIds, reason: 'One customer', force: true });
  await client.send('GET', '/reviews');
  const after = await Scrape.of(service);
  const grown = (name: string, labels: Record<string, string>): number =>
    after.value(name, labels) - before.value(name, labels);
  expect({
    opened: ['limit', 'do-not-link'].map((reason) => grown('identity_reviews_opened_total', { reason })),
    decided: ['link', 'keep-apart'].map((decision) => grown('identity_reviews_decided_total', { decision })),
  }).toEqual({ opened: [0, 3], decided: [1, 2] });
});

test('a conflict is counted with its cause', async () => {
  const before = await Scrape.of(service);
  const claims = Array.from({ length: 400 }, (_, i) => ({ email: `needles${i % 20}@hillvalley.edu` }));
  const other = await ServiceProcess.start({ DATABASE_URL: database.url });
  await Promise.all(
    claims.flatMap((body, i) => [
      service.client.identify({ ...body, phoneNumber: `55${i}` }),
      other.client.identify({ ...body, phoneNumber: `66${i}` }),
    ]),
  );
  const scrapes = [await Scrape.of(service), await Scrape.of(other)];
  const conflicts = (cause: string): number =>
    scrapes.reduce((sum, scrape) => sum + scrape.value('identity_conflicts_total', { cause }), 0);
  expect(conflicts('changed') + conflicts('claimed')).toBeGreaterThan(
    before.value('identity_conflicts_total'),
  );
  await other.end('SIGTERM');
});

test('what is no HTTP is counted by reason', async () => {
  const before = await Scrape.of(service);
  const socket = connect(Number(new URL(service.client.url).port), '127.0.0.1');
  await new Promise((resolve) => {
    socket.once('close', resolve).resume().end('marty@hillvalley.edu\r\n\r\n');
  });
  const after = await Scrape.of(service);
  const malformed = { reason: 'malformed' };
  expect(after.value('http_unparsed_requests_total', malformed)).toBe(
    before.value('http_unparsed_requests_total', malformed) + 1,
  );
});

test('a service that can serve says so, with its pool and its version', async () => {
  const scrape = await Scrape.of(service);
  expect(scrape.value('service_ready')).toBe(1);
  expect(scrape.value('database_pool_max')).toBe(10);
  expect(scrape.value('database_pool_connections')).toBeGreaterThan(0);
  expect(scrape.value('database_pool_waiting')).toBe(0);
  expect(scrape.value('service_build_info', { node_version: process.version })).toBe(1);
  expect(scrape.value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
});

test('nothing but GET /metrics is served there', async () => {
  const url = Scrape.urlOf(service);
  expect((await fetch(new URL('/identify', url))).status).toBe(404);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  expect((await fetch(url)).headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect((await service.client.send('GET', '/metrics')).status).toBe(404);
});

test('a port that is in use is said, and costs the metrics but not the service', async () => {
  const { port } = new URL(Scrape.urlOf(service));
  const second = await ServiceProcess.start({ DATABASE_URL: database.url, METRICS_PORT: port });
  expect(second.output).toContain(`METRICS_PORT ${port} on 127.0.0.1 is not available (EADDRINUSE)`);
  expect((await second.client.send('GET', '/health/ready')).status).toBe(200);
  expect(await second.end('SIGTERM')).toBe(0);
});

test('turned off, no port is opened', async () => {
  const second = await ServiceProcess.start({ DATABASE_URL: database.url, METRICS_PORT: 'off' });
  await second.client.identify({ email: 'marvin@hillvalley.edu' });
  expect(second.output).not.toContain('/metrics');
  expect(await second.end('SIGTERM')).toBe(0);
});

test('a service that shuts down is not ready for its metrics as soon as it is not for its probe', async () => {
  const ending = await ServiceProcess.start({ DATABASE_URL: database.url });
  const ended = ending.end('SIGTERM');
  while ((await ending.client.send('GET', '/health/ready')).status === 200) {
    // The signal is on its way.
  }
  expect((await Scrape.of(ending)).value('service_ready')).toBe(0);
  expect(await ended).toBe(0);
});

test('a service whose database lacks the schema says that it is not ready', async () => {
  const empty = await createDatabase({ isMigrated: false });
  const waiting = await ServiceProcess.start({ DATABASE_URL: empty.url, MIGRATE_ON_START: 'false' });
  expect((await Scrape.of(waiting)).value('service_ready')).toBe(0);
  await waiting.end('SIGTERM');
  await empty.drop();
});

function request(status: string, route: string): Record<string, string> {
  return { method: 'GET', route, status };
}

function cells(row: string): string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

import { ageErasures, placesOf } from '../support/erased.js';
import { useApp, useDatabase, useReplicas } from '../support/hooks.js';
import { Scrape } from '../support/metrics.js';

const KEY = 'a key that only this test of privacy uses';
const PERSON = ['lorraine@hillvalley.edu', 'mcfly@hillvalley.edu', '4711000', '4711001'] as const;
const [LORRAINE, MCFLY, PHONE, OTHER_PHONE] = PERSON;
const GEORGE = 'george@hillvalley.edu';
const REASON = 'It was Lorraine who called';

const database = useDatabase();
const services = useReplicas(() =>
  [1, 2].map(() => ({
    DATABASE_URL: database.url,
    ERASURE_KEY: KEY,
    LOG_LEVEL: 'trace',
    IDENTITY_CACHE_MIN_CONTACTS: '1',
  })),
);
const unconfigured = useApp(() => ({ DATABASE_URL: database.url }));

test('an erased person stands in no table, log, metric or answer any more', async () => {
  const [one, other] = services as [(typeof services)[0], (typeof services)[0]];
  const change = async (path: string, body: object): Promise<{ mergeIds: number[] }> => {
    const reply = await one.client.send<{ mergeIds: number[] }>('POST', path, { reason: REASON, ...body });
    expect({ path, status: reply.status }).toEqual({ path, status: expect.any(Number) });
    expect(reply.status).toBeLessThan(300);
    return reply.body;
  };
  for (const body of [
    { email: LORRAINE, phoneNumber: PHONE },
    { email: MCFLY, phoneNumber: PHONE },
    { email: GEORGE, phoneNumber: '9191919' },
    { email: MCFLY, phoneNumber: OTHER_PHONE },
  ]) {
    await one.client.identify(body);
    await other.client.identify(body);
  }
  // She and George were one, and were split; a value of hers was George's; a contact of hers was deleted.
  const { mergeIds } = await change('/merges', { contactIds: [1, 3] });
  await change(`/merges/${mergeIds[0]}/undo`, {});
  await one.client.identify({ email: GEORGE, phoneNumber: PHONE });
  await change('/splits', { contactId: 3, contactIds: [3] });
  await change('/rules', {
    identifiers: [
      { kind: 'email', value: LORRAINE },
      { kind: 'email', value: 'biff@hillvalley.edu' },
    ],
  });
  expect(await one.client.delete(4)).toBe(204);
  expect(await placesOf(database, PERSON)).not.toEqual([]);

  for (const identifier of [{ kind: 'email', value: MCFLY }, ...PERSON.map(named)]) {
    const scope = identifier.value === MCFLY ? 'identity' : 'identifier';
    const { status, body } = await one.client.send<{ erasureId: number }>('POST', '/erasures', {
      identifier,
      scope,
      reason: 'Asked for by letter',
    });
    expect([202, 404]).toContain(status);
    await ageErasures(database);
    if (status === 202) {
      expect((await other.client.send('GET', `/erasures/${body.erasureId}`)).body).toMatchObject({
        status: 'done',
      });
    }
  }
  const texts = [...PERSON, REASON, 'biff@hillvalley.edu'];
  expect(await placesOf(database, texts)).toEqual([]);
  for (const service of services) {
    const answers = await Promise.all(
      [
        '/identities',
        '/identities?order=size',
        '/rules',
        '/reviews',
        '/merges?contactId=3',
        '/contacts/3',
        '/contacts/3/evidence',
        '/contacts/3/history',
        '/blocked-values',
      ].map(async (path) => JSON.stringify((await service.client.send('GET', path)).body)),
    );
    const found = await service.client.send('POST', '/search', { prefix: 'lorraine' });
    const told = [...answers, JSON.stringify(found.body), (await Scrape.of(service)).text, service.output];
    expect(told.filter((text) => texts.some((each) => text.includes(each)))).toEqual([]);
    expect(answers[0]).toContain(GEORGE);
  }
}, 120_000);

test('without a key nothing is erased, and everything else works', async () => {
  const { primaryContactId } = await unconfigured.client.identify({ email: 'doc@hillvalley.edu' });
  const body = { contactId: primaryContactId, scope: 'identity', reason: 'Asked for by letter' };
  for (const query of ['', '?dryRun=true']) {
    expect(await unconfigured.client.send('POST', `/erasures${query}`, body)).toMatchObject({
      status: 503,
      body: { type: 'urn:problem:erasure-not-configured' },
    });
  }
  expect(await unconfigured.client.find(primaryContactId)).not.toBeNull();
  expect(
    (await unconfigured.client.send('POST', '/subject-access', { contactId: primaryContactId })).status,
  ).toBe(200);
});

function named(value: string): { kind: string; value: string } {
  return { kind: value.includes('@') ? 'email' : 'phoneNumber', value };
}

import { createDatabase } from '../support/database.js';
import { administerKeys } from '../support/keys.js';
import { exchange } from '../support/raw-socket.js';
import { ServiceProcess } from '../support/service-process.js';

test('no key is logged or answered at the most talkative level, wherever it was put and whatever goes wrong', async () => {
  const database = await createDatabase();
  const keys = await administerKeys(database.url);
  const [good, revoked] = [await keys.make(), await keys.make()];
  await keys.revokeKey(revoked.slice(4, 16));
  await keys.close();
  const invented = `idr_aaaaaaaaaaaa_${'Zz9-'.repeat(10)}Zz9`;
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    AUTH_MODE: 'api-key',
    LOG_LEVEL: 'trace',
  });
  const answers: string[] = [];
  const callAll = async (): Promise<void> => {
    for (const key of [good, revoked, invented]) {
      const lines = ['Host: x', 'Connection: close'];
      const basic = Buffer.from(`${key}:`).toString('base64');
      for (const request of [
        // The first of a kind of failure is the one that is logged.
        [`GET /contacts/99?key=${key} HTTP/1.1`, `X-API-Key: ${good}`],
        ['GET /contacts/99 HTTP/1.1', `X-API-Key: ${key}`],
        ['GET /contacts/99 HTTP/1.1', `Authorization: Bearer ${key}`],
        ['GET /contacts/99 HTTP/1.1', `Authorization: Basic ${basic}`],
        ['GET /contacts/99 HTTP/1.1', `X-API-Key: ${key}`, `X-Request-Id: ${key}!`],
        [`GET /contacts/${key} HTTP/1.1`, `X-API-Key: ${good}`],
        [`GET /nowhere/${key}?key=${key} HTTP/1.1`],
        [`GET /%zz${key} HTTP/1.1`],
        [`NONSENSE ${key}`, `X-API-Key: ${key}`],
      ]) {
        answers.push(
          await exchange(
            service.client.url,
            [request[0], ...lines, ...request.slice(1), '', ''].join('\r\n'),
          ),
        );
      }
      const { body } = await service.client.send('POST', '/identify', { email: key }, { 'x-api-key': good });
      answers.push(JSON.stringify(body));
    }
  };
  await callAll();
  // Now everything that asks the database fails.
  await database.query('alter table api_key rename to gone');
  await database.query('alter table contact rename to gone_too');
  await callAll();
  await service.end('SIGTERM');
  await database.drop();
  const told = service.output + answers.join('\n');
  expect(answers.filter((answer) => answer.includes('503')).length).toBeGreaterThan(0);
  expect(told.length).toBeGreaterThan(10_000);
  for (const key of [good, revoked, invented]) {
    expect(told).not.toContain(key.slice(17));
    expect(told).not.toContain(Buffer.from(`${key}:`).toString('base64').slice(24));
  }
});

import { requireAuth } from '../../src/access/auth.module.js';
import { Settings, SettingsError } from '../../src/config/settings.js';
import { ServiceProcess } from '../support/service-process.js';

test.each([
  [{ NODE_ENV: 'production' }, true],
  [{ NODE_ENV: 'production', ALLOW_NO_AUTH: 'false' }, true],
  [{ NODE_ENV: 'production', ALLOW_NO_AUTH: 'true' }, false],
  [{ NODE_ENV: 'production', ALLOW_NO_AUTH: 'TRUE' }, false],
  [{ NODE_ENV: 'production', ALLOW_NO_AUTH: 'yes' }, true],
  [{ NODE_ENV: 'production', AUTH_MODE: 'api-key' }, false],
  [{ NODE_ENV: 'development' }, false],
  [{}, false],
] satisfies [Record<string, string>, boolean][])('without keys, %j: refused is %s', (env, isRefused) => {
  const check = (): void => requireAuth(new Settings(env), env);
  if (isRefused) {
    expect(check).toThrow(SettingsError);
  } else {
    expect(check).not.toThrow();
  }
});

test('the service does not start without keys in production, and says what to do', async () => {
  expect(await ServiceProcess.startAndFail({ NODE_ENV: 'production' })).toEqual({
    code: 1,
    output: expect.stringMatching(/AUTH_MODE must be api-key.*ALLOW_NO_AUTH=true/s) as string,
  });
});

test('a limit of calls needs keys to count by', () => {
  expect(() => new Settings({ RATE_LIMIT_ENABLED: 'true' })).toThrow('it needs AUTH_MODE=api-key');
  expect(new Settings({ AUTH_MODE: 'api-key' }).isRateLimited).toBe(true);
});

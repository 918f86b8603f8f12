import { Settings } from '../../src/config/settings.js';
import { PolicyDirectory } from '../../src/identity/policy-directory.js';
import { createApp } from '../../src/create-app.js';
import { ServiceClient } from './client.js';
import { variant } from './variant.js';

/** A machine that is busy with tests must not make the service turn calls away. */
const QUIET = { LOG_LEVEL: 'silent', PORT: '0', METRICS_PORT: 'off', MAX_EVENT_LOOP_DELAY_MS: '0' };

/** The application running in this process, and a client for it. */
export interface RunningApp extends AsyncDisposable {
  readonly client: ServiceClient;
  /** Reads the policy of a tenant again, as after a change in this process. */
  refreshPolicy(tenantId?: number): Promise<void>;
  /** A part of the application. */
  get<T>(type: new (...none: never[]) => T): T;
  close(): Promise<void>;
}

/** Starts the application on a free port. */
export async function startApp(env: Readonly<Record<string, string>>): Promise<RunningApp> {
  const app = await createApp(new Settings({ ...QUIET, ...env, ...variant() }));
  await app.listen(0, '127.0.0.1');
  const close = (): Promise<void> => {
    // the client's own, which the service would wait a second for
    app.getHttpServer().closeIdleConnections();
    return app.close();
  };
  const refreshPolicy = async (tenantId = 1): Promise<void> =>
    void (await app.get(PolicyDirectory, { strict: false }).refresh(tenantId));
  const client = new ServiceClient(await app.getUrl());
  const get = <T>(type: new (...none: never[]) => T): T => app.get(type, { strict: false });
  return { get, client, refreshPolicy, close, [Symbol.asyncDispose]: close };
}

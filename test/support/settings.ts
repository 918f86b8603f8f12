import { Settings } from '../../src/config/settings.js';

/** Settings for what a test calls itself. The service and its commands find out the engine when they start; this does not start. */
export function settingsOf(env: Readonly<Record<string, string>>): Settings {
  return new Settings({ ...(process.env.CITUS_URL !== undefined && { DATABASE_ENGINE: 'citus' }), ...env });
}

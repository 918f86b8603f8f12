import { SettingsError, type Settings } from '../config/settings.js';

/**
 * Refuses to serve without keys in production, unless ALLOW_NO_AUTH is set.
 *
 * @throws {SettingsError} if keys are off in production and ALLOW_NO_AUTH is not set
 */
export function requireAuth(
  { authMode, allowsNoAuth }: Settings,
  env: Readonly<Record<string, string | undefined>>,
): void {
  if (authMode === 'none' && env.NODE_ENV === 'production' && !allowsNoAuth) {
    throw new SettingsError(
      'The configuration is wrong:\n  AUTH_MODE must be api-key with NODE_ENV=production, because otherwise everybody who reaches the port can read and change everything. If nobody else can reach it, set ALLOW_NO_AUTH=true',
    );
  }
}

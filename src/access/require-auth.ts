import { SettingsError, type Settings } from '../config/settings.js';

/**
 * Refuses to serve without keys in production unless that is said in so many words.
 *
 * @throws {SettingsError} if it is not
 */
export function requireAuth(
  { authMode, allowsNoAuth }: Settings,
  env: Readonly<Record<string, string | undefined>>,
): void {
  if (authMode === 'none' && env.NODE_ENV === 'production' && !allowsNoAuth) {
    throw new SettingsError(
      'The configuration is wrong:\n  AUTH_MODE must be api-key with NODE_ENV=production, or whoever reaches the port reads and changes everything; where nobody else can, set ALLOW_NO_AUTH=true',
    );
  }
}

import { existsSync, readFileSync, statSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { Settings, SettingsError } from './settings.js';

/**
 * Reads the settings from the environment, and from `.env` in the working directory for variables that the environment
 * does not set. These are added to it.
 *
 * @throws {SettingsError} if a variable is wrong
 */
export function loadSettings(env: NodeJS.ProcessEnv): Settings {
  try {
    if (existsSync('.env')) {
      if (statSync('.env').isDirectory()) {
        throw new Error('it is a folder');
      }
      for (const [name, value] of Object.entries(parseEnv(readFileSync('.env', 'utf8')))) {
        env[name] ??= value;
      }
    }
  } catch (error) {
    throw new SettingsError(`The file .env can't be read: ${(error as Error).message}`);
  }
  return new Settings(env);
}

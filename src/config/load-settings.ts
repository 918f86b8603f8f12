import { existsSync, statSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { Settings, SettingsError } from './settings.js';

/**
 * Reads the settings of this process from the environment, and from `.env` in the working directory for variables that
 * the environment does not set.
 *
 * @throws {SettingsError} if a variable is wrong
 */
export function loadSettings(): Settings {
  try {
    if (existsSync('.env')) {
      if (statSync('.env').isDirectory()) {
        throw new Error('it is a folder');
      }
      loadEnvFile('.env');
    }
  } catch (error) {
    throw new SettingsError(`The file .env can't be read: ${(error as Error).message}`);
  }
  return new Settings(process.env);
}

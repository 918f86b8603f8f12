import { existsSync, statSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { Settings, SettingsError } from './settings.js';

/**
 * Reads the settings of this process from the environment and, for what is not set there, from `.env` in the working
 * directory.
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

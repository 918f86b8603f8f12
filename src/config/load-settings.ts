import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { Settings } from './settings.js';

/**
 * Reads the settings of this process from the environment and, for what is not set there, from `.env` in the working
 * directory.
 *
 * @throws {SettingsError} if a variable is wrong
 */
export function loadSettings(): Settings {
  if (existsSync('.env')) {
    loadEnvFile('.env');
  }
  return new Settings(process.env);
}

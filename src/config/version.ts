import { existsSync, readFileSync } from 'node:fs';

/** The version in package.json, two folders above this file and three above the built file. */
export const VERSION: string = ['../../package.json', '../../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .filter((url) => existsSync(url))
  .map((url) => (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version)[0]!;

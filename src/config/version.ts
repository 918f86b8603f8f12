import { existsSync, readFileSync } from 'node:fs';

/** The version in package.json, which lies two folders above this file, and three above what is built from it. */
export const VERSION: string = ['../../package.json', '../../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .filter((url) => existsSync(url))
  .map((url) => (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version)[0]!;

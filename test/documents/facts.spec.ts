import { globSync, readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { Settings } from '../../src/config/settings.js';
import { markdownFiles } from './documents.js';

test.each(markdownFiles())('every npm script that %s names exists', (file) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const named = [...readFileSync(file, 'utf8').matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(
    ([, name]) => name!,
  );
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('docs/configuration.md and .env.example have exactly the variables that the settings read', () => {
  const read = new Set<string>();
  void new Settings(
    new Proxy<Record<string, string>>({}, { get: (_, name) => (read.add(String(name)), undefined) }),
  );
  expect(read.size).toBeGreaterThan(20);
  const documented = namesIn('docs/configuration.md', /^\| `([A-Z_]+)`/gm);
  const exemplified = namesIn('.env.example', /^#([A-Z_]+)=/gm).filter((name) => !name.startsWith('OTEL_'));
  expect(documented).toEqual([...read].toSorted());
  expect(exemplified).toEqual([...read].toSorted());
});

test('the second role of docs/postgresql.md gets the same settings as the one that roles.sql creates', () => {
  const expected = settingsOf('identity_service', 'deploy/postgresql/roles.sql');
  expect(expected.length).toBeGreaterThan(3);
  expect(settingsOf('identity_service_b', 'docs/postgresql.md')).toEqual(expected);
});

test('docs/errors.md lists every type of problem, and none that does not exist', () => {
  const slugs = globSync('src/**/*.ts').flatMap((file) => namesIn(file, /slug: '([a-z-]+)'/g));
  expect(new Set(slugs).size).toBeGreaterThan(10);
  const documented = namesIn('docs/errors.md', /^\| `([a-z-]+)` +\| \d/gm);
  expect(slugs.filter((slug) => !documented.includes(slug))).toEqual([]);
  // The others are what Node's parser refuses, named by the status.
  const ofStatus = Object.values(STATUS_CODES).map((title) => title!.toLowerCase().replaceAll(' ', '-'));
  const known = new Set([...slugs, ...ofStatus]);
  expect(documented.filter((slug) => !known.has(slug))).toEqual([]);
});

function namesIn(file: string, pattern: RegExp): string[] {
  return [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name]) => name!).toSorted();
}

function settingsOf(role: string, file: string): string[] {
  return namesIn(file, new RegExp(`^alter role ${role} set (.*);$`, 'gm'));
}

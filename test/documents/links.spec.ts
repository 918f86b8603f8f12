import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { anchorsOf, markdownFiles, proseOf } from './documents.js';

/** What the commands of the documents write; it need not exist. */
const OUTPUT = /^(bench\/)?(report|dist)(\/|$)/;
const PATH = /^(src|test|docs|deploy|scripts|bench|migrations|clients|console|\.ci|\.github)\/[\w./-]*$/;

const files = markdownFiles();

test('the documents that a reader looks for first are there', () => {
  expect(files).toEqual(
    expect.arrayContaining([
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'README.md',
      'SECURITY.md',
    ]),
  );
});

test.each(files)('every relative link of %s leads to a file and a heading that exist', (file) => {
  const broken = [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^(https?|mailto):/.test(target))
    .filter((target) => {
      const [path, anchor] = target.split('#');
      const full = path === '' ? file : join(dirname(file), path!);
      return !existsSync(full) || (anchor !== undefined && !anchorsOf(full).has(anchor));
    });
  expect(broken).toEqual([]);
});

test.each(files)('every file that %s names exists', (file) => {
  const named = [...proseOf(file).matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!);
  expect(named.filter((text) => PATH.test(text) && !OUTPUT.test(text) && !existsSync(text))).toEqual([]);
});

test('every Markdown page that code, scripts or manifests name exists', () => {
  const sources = globSync([
    '{src,migrations,scripts,deploy,bench,.ci,.github}/**/*.{ts,mjs,js,sh,sql,yaml,yml,env}',
    '*.{ts,yaml,toml,json}',
    '.ci/run',
    'Dockerfile',
    '.env.example',
  ]).filter((path) => !OUTPUT.test(path));
  expect(sources.length).toBeGreaterThan(100);
  const broken = sources.flatMap((source) =>
    [...readFileSync(source, 'utf8').matchAll(/\b((?:docs|deploy|bench)\/[\w./-]+\.md)(#[\w-]+)?/g)]
      .filter(([, path, anchor]) => !exists(path!, anchor))
      .map(([text]) => `${source}: ${text}`),
  );
  expect(broken).toEqual([]);
});

test('every page of docs is linked from the README', () => {
  const linked = [...proseOf('README.md').matchAll(/\]\((docs\/[\w-]+\.md)/g)].map(([, path]) => path!);
  expect([...new Set(linked)].toSorted()).toEqual(files.filter((file) => file.startsWith('docs/')));
});

function exists(path: string, anchor: string | undefined): boolean {
  return existsSync(path) && (anchor === undefined || anchorsOf(path).has(anchor.slice(1)));
}

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';

/**
 * What each folder of src may import; `src` are the files that put everything together. No folder is imported by one that
 * it imports, directly or not: the order of the lines is the order of the layers.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  config: [],
  telemetry: ['config'],
  http: ['config', 'telemetry'],
  database: ['config', 'telemetry', 'http'],
  access: ['config', 'telemetry', 'http', 'database'],
  identity: ['config', 'telemetry', 'http', 'database', 'access'],
  events: ['config', 'telemetry', 'http', 'database', 'access', 'identity'],
  keys: ['config', 'http', 'database', 'access', 'identity'],
  health: ['config', 'telemetry', 'http', 'database', 'access'],
  docs: ['config', 'http', 'access', 'identity'],
  console: ['config', 'http', 'access'],
  'mikro-orm.config.ts': ['config', 'database', 'access', 'identity', 'events'],
  transfer: [
    'config',
    'telemetry',
    'http',
    'database',
    'access',
    'identity',
    'events',
    'mikro-orm.config.ts',
  ],
  cli: ['config', 'telemetry', 'http', 'database', 'access', 'identity', 'transfer', 'mikro-orm.config.ts'],
  src: [
    'config',
    'telemetry',
    'http',
    'database',
    'access',
    'identity',
    'events',
    'keys',
    'health',
    'docs',
    'console',
    'mikro-orm.config.ts',
  ],
};

const FILES = ['mikro-orm.config.ts', ...filesOf('src')];

test('every folder imports only what lies below it', () => {
  const imports = FILES.flatMap((file) => {
    const from = folderOf(file);
    return importsOf(file)
      .filter((target) => folderOf(target) !== from && !MAY_IMPORT[from]?.includes(folderOf(target)))
      .map((target) => `${file} imports ${target}`);
  });
  expect(imports).toEqual([]);
});

test('the layers have no circle', () => {
  const layers = Object.keys(MAY_IMPORT);
  const upwards = layers.flatMap((layer, height) =>
    MAY_IMPORT[layer]!.filter((below) => layers.indexOf(below) >= height).map((below) => [layer, below]),
  );
  expect(upwards).toEqual([]);
});

test('every file belongs to a layer, and imports are found', () => {
  expect(FILES.map(folderOf).filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  expect(importsOf('src/identity/identity.module.ts')).toContain('src/telemetry/metrics/registry.ts');
  expect(importsOf('src/cli/migrate.command.ts')).toContain('mikro-orm.config.ts');
});

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).split(sep).join('/'));
}

function folderOf(file: string): string {
  const [top, folder, ...below] = file.split('/');
  return top === 'src' && below.length > 0 ? folder! : top!;
}

/** The files of ours that a file imports, at its start or later. */
function importsOf(file: string): string[] {
  const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)\.js'/g);
  return [...specifiers].map(
    ([, path]) =>
      `${normalize(join(dirname(file), path!))
        .split(sep)
        .join('/')}.ts`,
  );
}

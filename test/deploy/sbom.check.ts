import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { productionPackages } from './production-packages.js';

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { alg: string; content: string }[];
  readonly licenses?: readonly object[];
}

interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { ref: string; dependsOn: readonly string[] }[];
}

let sbom: Sbom;

beforeAll(() => {
  execFileSync('npm', ['run', 'sbom'], { stdio: 'pipe', timeout: 60_000 });
  sbom = JSON.parse(readFileSync('sbom.cdx.json', 'utf8')) as Sbom;
}, 70_000);

test('`npm run sbom` lists every package of production and of the console, and no other', () => {
  const ofProduction = [...productionPackages()].map(([folder, version]) => `${nameOf(folder)}@${version}`);
  const listed = sbom.components.map(({ name, version }) => `${name}@${version}`);
  expect(listed.length).toBeGreaterThan(50);
  expect(ofProduction.filter((each) => !listed.includes(each))).toEqual([]);
  const others = sbom.components.filter(({ name, version }) => !ofProduction.includes(`${name}@${version}`));
  const names = others.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(importsOfConsole()));
  // what only builds and tests
  expect(
    names.filter((name) => /vite|rolldown|typescript|jest|babel|playwright|@types|swc/.test(name)),
  ).toEqual([]);
});

/** The packages that the source of the console names. */
function importsOfConsole(): string[] {
  const sources = globSync('console/src/*.ts{,x}').map((path) => readFileSync(path, 'utf8'));
  const imports = sources.flatMap((source) => [...source.matchAll(/ from '((?:@[\w-]+\/)?[\w-]+)['/]/g)]);
  return [...new Set(imports.map(([, name]) => name!))];
}

test('it is a CycloneDX document about this version', () => {
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    name: string;
    version: string;
  };
  expect(sbom).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: expect.stringMatching(/^1\.\d+$/),
    metadata: { component: { name, purl: `pkg:npm/${name}@${version}` } },
  });
});

test('it tells what needs what, down to every package', () => {
  const needed = new Set(sbom.dependencies.flatMap(({ dependsOn }) => dependsOn));
  const listed = sbom.components.map(({ name, version }) => `${name}@${version}`);
  expect(needed).toEqual(new Set(listed));
});

test('each package carries its address, its checksum and its licence, by which it can be looked up', () => {
  const incomplete = sbom.components.filter(
    ({ name, version, purl, hashes = [], licenses = [] }) =>
      purl !== `pkg:npm/${name.replace('@', '%40')}@${version}` ||
      hashes.length === 0 ||
      licenses.length === 0,
  );
  expect(incomplete).toEqual([]);
});

/** `node_modules/a/node_modules/@b/c` holds `@b/c`. */
function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

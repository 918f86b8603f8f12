// `npm run sbom`: writes the software bill of materials of production, as CycloneDX, to sbom.cdx.json: the packages that the
// service needs, and those that are bundled into the console.
//
// npm lists all packages, and the lockfile says which of them production needs. npm's own --omit=dev leaves out too many: every
// package that a development dependency needs too, which is half of them, RxJS included.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ROOT = new URL('../', import.meta.url);
const TO = new URL('sbom.cdx.json', ROOT);

const sbom = JSON.parse(
  execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  }),
);
const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', ROOT), 'utf8'));

// The same as `npm ci --omit=dev --omit=optional` in the Dockerfile; a package of two folders may be needed in one only.
const needed = new Set(
  Object.entries(packages)
    .filter(([, { dev, optional, devOptional }]) => !dev && !optional && !devOptional)
    .map(([folder, { name, version }]) => `${name ?? folder.split('node_modules/').at(-1)}@${version}`),
);
for (const { name, version } of await bundledPackages()) {
  needed.add(`${name}@${version}`);
}
const isNeeded = (reference) => needed.has(reference);

sbom.components = sbom.components.filter((component) => isNeeded(component['bom-ref']));
sbom.dependencies = sbom.dependencies
  .filter(({ ref }) => isNeeded(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(isNeeded) }));
// npm takes the name of the folder.
sbom.metadata.component.name = packages[''].name;

writeFileSync(TO, `${JSON.stringify(sbom, null, 2)}\n`);
process.stdout.write(`${sbom.components.length} packages in ${fileURLToPath(TO)}\n`);

/** What Vite takes into the console, as it tells when it builds it. */
async function bundledPackages() {
  const outDir = mkdtempSync(join(tmpdir(), 'console-'));
  try {
    await build({
      configFile: fileURLToPath(new URL('console/vite.config.ts', ROOT)),
      logLevel: 'error',
      build: { outDir, emptyOutDir: true, license: { fileName: 'licenses.json' } },
    });
    return JSON.parse(readFileSync(join(outDir, 'licenses.json'), 'utf8'));
  } finally {
    rmSync(outDir, { recursive: true });
  }
}

// Writes the generated core of the TypeScript client from the OpenAPI document of the built service. With --check it writes
// nothing, and ends with 1 if the core is not what it would write.
import { createClient } from '@hey-api/openapi-ts';
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TARGET = 'clients/typescript/src/generated';
const isCheck = process.argv.includes('--check');
const work = mkdtempSync(join(tmpdir(), 'client-'));
try {
  const input = join(work, 'openapi.json');
  execFileSync(process.execPath, ['dist/src/write-openapi.js', input], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const path = isCheck ? join(work, 'generated') : TARGET;
  await createClient({
    input,
    output: { path, clean: true, indexFile: false },
    plugins: [
      '@hey-api/typescript',
      { name: '@hey-api/client-fetch', throwOnError: true },
      {
        name: '@hey-api/sdk',
        auth: false,
        operations: { strategy: 'single', containerName: 'GeneratedClient' },
      },
    ],
    logs: { level: 'silent', file: false },
  });
  if (isCheck && contentOf(path) !== contentOf(TARGET)) {
    process.stderr.write(`${TARGET} does not fit the API: run npm run client:generate\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(work, { recursive: true });
}

function contentOf(folder) {
  const files = globSync('**/*.ts', { cwd: folder }).toSorted();
  return JSON.stringify(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

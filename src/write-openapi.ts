import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Settings } from './config/settings.js';
import { createApp } from './create-app.js';
import { createOpenApiDocument } from './docs/openapi-document.js';

// `npm run openapi [-- file]`: writes the OpenAPI document to a file, openapi.json by default.
const file = process.argv[2] ?? 'openapi.json';
const dataDir = await mkdtemp(join(tmpdir(), 'openapi-'));
const app = await createApp(
  new Settings({ DATA_DIR: dataDir, LOG_LEVEL: 'warn', MIGRATE_ON_START: 'false' }),
);
try {
  writeFileSync(file, `${JSON.stringify(createOpenApiDocument(app), null, 2)}\n`);
  process.stdout.write(`Wrote ${file}\n`);
} finally {
  await app.close();
  await rm(dataDir, { recursive: true });
}

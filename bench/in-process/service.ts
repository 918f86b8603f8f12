import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../src/app.module.js';
import { Settings } from '../../src/config/settings.js';
import { SightingBatcher } from '../../src/identity/batching/sighting-batcher.js';
import { DEFAULT_TENANT_ID } from '../../src/access/entities/tenant.js';
import type { Caller } from '../load/closed-loop.js';

/** The service without its HTTP: what the controller calls. */
export async function openService(url: string): Promise<Caller> {
  const module = await AppModule.with(new Settings({ DATABASE_URL: url, METRICS_PORT: 'off' }));
  const app = await NestFactory.createApplicationContext(module, {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  const batcher = app.get(SightingBatcher, { strict: false });
  return async ({ sighting }) => {
    const view = await batcher.identify(DEFAULT_TENANT_ID, sighting);
    return { status: 200, view: () => view };
  };
}

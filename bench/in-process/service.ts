import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../src/app.module.js';
import { Settings } from '../../src/config/settings.js';
import { IdentityDto } from '../../src/identity/api/dto/identity.response.js';
import { SightingBatcher } from '../../src/identity/batching/sighting-batcher.js';
import { STANDARD_KINDS } from '../../src/identity/domain/kinds.js';
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
    const identifiers = STANDARD_KINDS.identifiersOf({ ...sighting });
    const view = await batcher.identify(DEFAULT_TENANT_ID, { identifiers });
    return { status: 200, view: () => new IdentityDto(view, STANDARD_KINDS) };
  };
}

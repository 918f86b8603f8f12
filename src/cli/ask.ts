import type { ChangeCall } from '../identity/change-writer.js';
import type { OpenService } from '../transfer/open-service.js';
import type { Terminal } from './terminal.js';

/**
 * Opens the service for one question about identities of a tenant.
 *
 * @param tenant its name; undefined: the only one there is
 */
export async function ask<T>(
  terminal: Terminal,
  tenant: string | undefined,
  question: (service: OpenService) => Promise<T>,
): Promise<T> {
  // Loaded here: the ORM and the framework take a second, and --help does not need them.
  const { loadSettings } = await import('../config/load-settings.js');
  const { openService } = await import('../transfer/open-service.js');
  await using service = await openService(loadSettings(terminal.env), 1, tenant ?? null);
  return await question(service);
}

/** Who is recorded as the author of what a command changes. */
export const ACTOR = 'cli';

/** The call for a change that a command makes. */
export function changeOf({ tenantId }: OpenService, route: string, isDryRun: boolean): ChangeCall {
  return { tenantId, actor: ACTOR, isDryRun, ifMatch: null, route, idempotencyKey: null };
}

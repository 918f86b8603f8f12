import { jest } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import * as crypto from 'node:crypto';
import type { ConsoleSessions } from '../../src/access/console-sessions.js';
import type { KeyDirectory } from '../../src/access/key-directory.js';
import type { KnownKey } from '../../src/access/api-key.repository.js';
import { Settings } from '../../src/config/settings.js';

// How long an answer takes would tell which keys there are, if some were refused before they were compared.

const timingSafeEqual = jest.fn(crypto.timingSafeEqual);
jest.unstable_mockModule('node:crypto', () => ({ ...crypto, timingSafeEqual }));
const { ApiKeyGuard } = await import('../../src/access/api-key.guard.js');
const { formatApiKey, generateApiKey, hashSecret } = await import('../../src/access/api-key-text.js');
const { UnauthorizedError } = await import('../../src/access/access.errors.js');

const { id, secret } = generateApiKey();
const KNOWN: KnownKey = {
  id,
  name: 'crm',
  tenantId: 1,
  tenantName: 'default',
  hash: hashSecret(secret),
  scopes: new Set(['read']),
  callsPerMinute: null,
  expiresAt: Infinity,
  isRevoked: false,
};

/** Whether a call with a key passes, where the directory finds this. */
async function admits(found: KnownKey | null, key = formatApiKey({ id, secret })): Promise<boolean> {
  const reflector = { getAllAndOverride: () => 'read' } as unknown as Reflector;
  const directory = {
    find: () => Promise.resolve(found),
    noteUse: () => undefined,
  } as unknown as KeyDirectory;
  const sessions = {} as ConsoleSessions;
  const guard = new ApiKeyGuard(new Settings({ AUTH_MODE: 'api-key' }), reflector, directory, sessions);
  const context = {
    getHandler: () => null,
    getClass: () => null,
    switchToHttp: () => ({ getRequest: () => ({ headers: { 'x-api-key': key } }) }),
  } as unknown as ExecutionContext;
  return guard.canActivate(context);
}

beforeEach(() => {
  timingSafeEqual.mockClear();
});

test.each<[string, KnownKey | null]>([
  ['unknown', null],
  ['of another secret', { ...KNOWN, hash: hashSecret('another') }],
  ['revoked', { ...KNOWN, isRevoked: true }],
  ['expired', { ...KNOWN, expiresAt: 0 }],
])('a key that is %s is compared in constant time as a valid one is, and refused', async (_, found) => {
  await expect(admits(found)).rejects.toThrow(UnauthorizedError);
  expect(timingSafeEqual).toHaveBeenCalledTimes(1);
});

test('a valid key is compared once, in constant time', async () => {
  expect(await admits(KNOWN)).toBe(true);
  expect(timingSafeEqual).toHaveBeenCalledTimes(1);
});

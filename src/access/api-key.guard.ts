import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { DEFAULT_TENANT_ID } from './entities/tenant.js';
import { ACCESS } from './access.js';
import { hashSecret, isSecretOf, parseApiKey } from './api-key-text.js';
import type { KnownKey } from './api-key.repository.js';
import type { Caller } from './caller.js';
import { ForbiddenError } from './access.errors.js';
import { KeyDirectory } from './key-directory.js';
import { allows, type Scope } from './scope.js';
import { UnauthorizedError } from './access.errors.js';

/** What the secret of a key that does not exist is compared with, so that it takes as long as with one that does. */
const NO_HASH = hashSecret('');

/** A scope, or open to all; null: open to nobody. */
type Access = Scope | 'all' | null;

/** Every caller, where none authenticates. */
const ANYBODY: Caller = { tenantId: DEFAULT_TENANT_ID, keyId: null, callsPerMinute: null, refusal: null };

/**
 * Lets a call pass if its key is valid, and finds out whether it has the scope that the route asks for.
 *
 * Whatever is wrong with a key, unknown, wrong secret, revoked or expired, the answer is the same: it does not tell
 * which keys there are.
 */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  private readonly accesses = new Map<unknown, Access>();

  constructor(
    private readonly settings: Settings,
    private readonly reflector: Reflector,
    private readonly directory: KeyDirectory,
  ) {}

  /**
   * @throws {UnauthorizedError} without a valid key
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.accessOf(context);
    if (access === 'all') {
      return true;
    }
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (this.settings.authMode === 'none') {
      request.caller = ANYBODY;
      return true;
    }
    const text = sentKey(request);
    if (text === null) {
      throw new UnauthorizedError(true);
    }
    const parsed = parseApiKey(text);
    if (parsed === null) {
      throw new UnauthorizedError(false);
    }
    const admit = (key: KnownKey | null): boolean => this.admit(request, key, parsed.secret, access);
    const key = this.directory.find(parsed.id);
    return key instanceof Promise ? key.then(admit) : admit(key);
  }

  /** What the route asks for; looked up once, because it can't change. */
  private accessOf(context: ExecutionContext): Access {
    const handler = context.getHandler();
    let access = this.accesses.get(handler);
    if (access === undefined) {
      access = this.reflector.getAllAndOverride<Access>(ACCESS, [handler, context.getClass()]) ?? null;
      this.accesses.set(handler, access);
    }
    return access;
  }

  private admit(request: FastifyRequest, key: KnownKey | null, secret: string, scope: Scope | null): boolean {
    const isRight = isSecretOf(secret, key?.hash ?? NO_HASH);
    if (key === null || !isRight || key.isRevoked || key.expiresAt <= Date.now()) {
      throw new UnauthorizedError(false);
    }
    this.directory.noteUse(key.id);
    const isAllowed = scope !== null && allows(key.scopes, scope);
    request.caller = {
      tenantId: key.tenantId,
      keyId: key.id,
      callsPerMinute: key.callsPerMinute,
      refusal: isAllowed ? null : new ForbiddenError(scope),
    };
    return true;
  }
}

/** The key as it was sent, null if none was; `Authorization` goes before `X-API-Key`. */
function sentKey({ headers }: FastifyRequest): string | null {
  const { authorization } = headers;
  if (authorization !== undefined) {
    return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
  }
  const header = headers['x-api-key'];
  return typeof header === 'string' ? header : null;
}

import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { CrossOriginError, ForbiddenError, SessionEndedError, UnauthorizedError } from './access.errors.js';
import { ACCESS, type Caller } from './access.js';
import { hashSecret, isSecretOf, parseApiKey } from './api-key-text.js';
import type { KnownKey } from './api-key.repository.js';
import { DEFAULT_TENANT_ID } from './entities/tenant.js';
import { ConsoleSessions, isFromOwnPage, sessionIdOf } from './console-sessions.js';
import { KeyDirectory } from './key-directory.js';
import { allows, type Scope } from './scope.js';

/** The secret of an unknown key is compared with this, so that it takes as long as for a known key. */
const NO_HASH = hashSecret('');

/** A scope, or open to every key or to all; null: closed. */
type Access = Scope | 'any-key' | 'all' | null;

/** The caller of every call if callers do not authenticate. */
const ANYBODY: Caller = {
  tenantId: DEFAULT_TENANT_ID,
  keyId: null,
  actor: 'anybody',
  callsPerMinute: null,
  refusal: null,
};

/**
 * Lets a call pass if its key or its session of the console is valid, and finds out whether the key has the scope that the route needs.
 *
 * An unknown id, a wrong secret, a revoked key and an expired key get the same answer, so it does not reveal which keys
 * exist.
 */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  private readonly accesses = new Map<unknown, Access>();

  constructor(
    private readonly settings: Settings,
    private readonly reflector: Reflector,
    private readonly directory: KeyDirectory,
    private readonly sessions: ConsoleSessions,
  ) {}

  /**
   * @throws {UnauthorizedError} without a valid key and without a session
   * @throws {SessionEndedError} with a session that has ended
   * @throws {CrossOriginError} if a session would change something for a page of another origin
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
      return this.admitSession(request, access);
    }
    const parsed = parseApiKey(text);
    if (parsed === null) {
      throw new UnauthorizedError(false);
    }
    const admit = (key: KnownKey | null): boolean => this.admit(request, key, parsed.secret, access);
    const key = this.directory.find(parsed.id);
    return key instanceof Promise ? key.then(admit) : admit(key);
  }

  /** What the route needs; looked up once, because it can't change. */
  private accessOf(context: ExecutionContext): Access {
    const handler = context.getHandler();
    let access = this.accesses.get(handler);
    if (access === undefined) {
      access = this.reflector.getAllAndOverride<Access>(ACCESS, [handler, context.getClass()]) ?? null;
      this.accesses.set(handler, access);
    }
    return access;
  }

  private admit(request: FastifyRequest, key: KnownKey | null, secret: string, access: Access): boolean {
    const isRight = isSecretOf(secret, key?.hash ?? NO_HASH);
    if (key === null || !isRight || !isInForce(key)) {
      throw new UnauthorizedError(false);
    }
    return this.enter(request, key, access);
  }

  /** Lets a call of the console pass as one with the key that its session was opened with. */
  private async admitSession(request: FastifyRequest, access: Access): Promise<boolean> {
    const id = this.settings.hasConsole ? sessionIdOf(request) : null;
    if (id === null) {
      throw new UnauthorizedError(true);
    }
    if (!isFromOwnPage(request)) {
      throw new CrossOriginError();
    }
    const session = await this.sessions.find(id);
    const key = session && (await this.directory.find(session.keyId));
    if (key === null || !isInForce(key)) {
      throw new SessionEndedError();
    }
    return this.enter(request, key, access);
  }

  private enter(request: FastifyRequest, key: KnownKey, access: Access): true {
    this.directory.noteUse(key.id);
    const scope = access === 'any-key' || access === 'all' ? null : access;
    const isAllowed = access === 'any-key' || (scope !== null && allows(key.scopes, scope));
    request.caller = {
      tenantId: key.tenantId,
      keyId: key.id,
      actor: `${key.id} ${key.name}`,
      callsPerMinute: key.callsPerMinute,
      refusal: isAllowed ? null : new ForbiddenError(scope),
    };
    return true;
  }
}

function isInForce({ isRevoked, expiresAt }: KnownKey): boolean {
  return !isRevoked && expiresAt > Date.now();
}

/** The key that was sent, null if none was; `Authorization` wins over `X-API-Key`. */
function sentKey({ headers }: FastifyRequest): string | null {
  const { authorization } = headers;
  if (authorization !== undefined) {
    return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
  }
  const header = headers['x-api-key'];
  return typeof header === 'string' ? header : null;
}

/** Refuses a call that a valid key may not make. A separate guard, so that such a call is counted first. */
@Injectable()
export class ScopeGuard implements CanActivate {
  /** @throws {ForbiddenError} if the key lacks the scope */
  canActivate(context: ExecutionContext): true {
    const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
    if (caller !== undefined && caller.refusal !== null) {
      throw caller.refusal;
    }
    return true;
  }
}

import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Logger, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Settings, SettingsError } from '../config/settings.js';
import { ApiKeyGuard, ScopeGuard } from './api-key.guard.js';
import { ConsoleSessions } from './console-sessions.js';
import { ApiKey } from './entities/api-key.js';
import { KeyDirectory } from './key-directory.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RateLimiter } from './rate-limiter.js';

/** Who may call what, and how often. */
@Module({
  imports: [MikroOrmModule.forFeature([ApiKey])],
  providers: [
    KeyDirectory,
    ConsoleSessions,
    RateLimiter,
    // In this order: a call is counted for its key, even if the key lacks the scope.
    { provide: APP_GUARD, useClass: ApiKeyGuard },
    { provide: APP_GUARD, useClass: RateLimitGuard },
    { provide: APP_GUARD, useClass: ScopeGuard },
  ],
  exports: [KeyDirectory, ConsoleSessions],
})
export class AuthModule implements OnApplicationBootstrap {
  constructor(private readonly settings: Settings) {}

  onApplicationBootstrap(): void {
    if (this.settings.authMode === 'none') {
      new Logger('Auth').warn(
        'AUTH_MODE=none: everybody who reaches this port can read and change everything. Set AUTH_MODE=api-key before others can reach it.',
      );
    }
  }
}

/**
 * Refuses to serve without keys in production, unless ALLOW_NO_AUTH is set.
 *
 * @throws {SettingsError} if keys are off in production and ALLOW_NO_AUTH is not set
 */
export function requireAuth(
  { authMode, allowsNoAuth }: Settings,
  env: Readonly<Record<string, string | undefined>>,
): void {
  if (authMode === 'none' && env.NODE_ENV === 'production' && !allowsNoAuth) {
    throw new SettingsError(
      'The configuration is wrong:\n  AUTH_MODE must be api-key with NODE_ENV=production, because otherwise everybody who reaches the port can read and change everything. If nobody else can reach it, set ALLOW_NO_AUTH=true',
    );
  }
}

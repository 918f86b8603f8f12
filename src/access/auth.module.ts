import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Logger, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Settings } from '../config/settings.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RateLimiter } from './rate-limiter.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { ApiKey } from './entities/api-key.js';
import { KeyDirectory } from './key-directory.js';
import { ScopeGuard } from './scope.guard.js';

/** Who may call what, and how often. */
@Module({
  imports: [MikroOrmModule.forFeature([ApiKey])],
  providers: [
    KeyDirectory,
    RateLimiter,
    // In this order: a call is counted for its key, even if the key lacks the scope.
    { provide: APP_GUARD, useClass: ApiKeyGuard },
    { provide: APP_GUARD, useClass: RateLimitGuard },
    { provide: APP_GUARD, useClass: ScopeGuard },
  ],
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

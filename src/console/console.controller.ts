import { Controller, Delete, Get, HttpCode, Module, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, OpenToEveryKey } from '../access/access.js';
import { AuthModule } from '../access/auth.module.js';
import { ConsoleSessions } from '../access/console-sessions.js';
import { KeyDirectory } from '../access/key-directory.js';
import { SCOPES } from '../access/scope.js';
import { Settings, type AuthMode } from '../config/settings.js';
import { VERSION } from '../config/version.js';

/** Who looks at the console, and what it may offer. */
interface SessionView {
  readonly authMode: AuthMode;
  readonly tenant: string;
  /** null: callers do not authenticate. */
  readonly key: { readonly id: string; readonly name: string } | null;
  readonly scopes: readonly string[];
  /** Whether this is the embedded database, which is for trying out. */
  readonly isEmbedded: boolean;
  readonly version: string;
}

/** Signs browsers in and out. Not a part of the API: programs send their key with each call. */
@ApiExcludeController()
@Controller('console/session')
@OpenToEveryKey()
export class ConsoleController {
  constructor(
    private readonly settings: Settings,
    private readonly sessions: ConsoleSessions,
    private readonly directory: KeyDirectory,
  ) {}

  @Get()
  show(@Req() request: FastifyRequest): Promise<SessionView> {
    return this.viewOf(request);
  }

  /** Opens a session with the key that is sent as with any call. A session alone opens no other one, or it would never end. */
  @Post()
  @HttpCode(200)
  async open(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionView> {
    const { keyId } = callerOf(request);
    const { authorization, 'x-api-key': header } = request.headers;
    if (keyId !== null && (authorization !== undefined || header !== undefined)) {
      void reply.header('set-cookie', await this.sessions.open(keyId));
    }
    return this.viewOf(request);
  }

  @Delete()
  @HttpCode(204)
  async end(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    void reply.header('set-cookie', await this.sessions.end(request));
  }

  private async viewOf(request: FastifyRequest): Promise<SessionView> {
    const { keyId } = callerOf(request);
    const key = keyId === null ? null : await this.directory.find(keyId);
    const { authMode, databaseUrl } = this.settings;
    return {
      authMode,
      tenant: key?.tenantName ?? 'default',
      key: key && { id: key.id, name: key.name },
      scopes: key === null || key.scopes.has('admin') ? SCOPES : [...key.scopes],
      isEmbedded: databaseUrl === null,
      version: VERSION,
    };
  }
}

/** The sessions of the console; {@link serveConsole} serves its pages. */
@Module({ imports: [AuthModule], controllers: [ConsoleController] })
export class ConsoleModule {}

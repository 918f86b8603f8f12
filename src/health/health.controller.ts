import { Controller, Get, Res, ServiceUnavailableException, type OnModuleDestroy } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorFunction,
} from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { OpenToAll } from '../access/access.js';
import { DatabaseProbe } from './database-probe.js';
import { HealthResponse } from './health.response.js';

const UP = { type: HealthResponse, description: 'Everything is up.' };
const DOWN = { type: HealthResponse, description: 'Something is down; `error` says what.' };

/** The probes of Kubernetes and load balancers. */
@ApiTags('health')
@OpenToAll()
@Controller('health')
export class HealthController implements OnModuleDestroy {
  private isDraining = false;
  private hasStarted = false;

  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseProbe,
  ) {}

  /** The first hook of a shutdown: those of the next stage run one module after the other, and the drain is among them. */
  onModuleDestroy(): void {
    this.isDraining = true;
  }

  @Get(['', 'live'])
  @HealthCheck({ swaggerDocumentation: false })
  @ApiOperation({ summary: 'Liveness: the process runs', description: 'Never touches the database.' })
  @ApiOkResponse(UP)
  live(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return this.answer(reply, [() => this.indicators.check('process').up()]);
  }

  @Get('ready')
  @HealthCheck({ swaggerDocumentation: false })
  @ApiOperation({
    summary: 'Readiness: the service can answer calls now',
    description:
      'Not shutting down, and the database answers within a second with the schema that this build needs.',
  })
  @ApiOkResponse(UP)
  @ApiServiceUnavailableResponse(DOWN)
  ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return this.answer(reply, [() => this.checkDraining(), () => this.checkDatabase()]);
  }

  @Get('startup')
  @HealthCheck({ swaggerDocumentation: false })
  @ApiOperation({
    summary: 'Startup: the service has started, and the schema exists',
    description: 'Once it is up, it stays up.',
  })
  @ApiOkResponse(UP)
  @ApiServiceUnavailableResponse(DOWN)
  async startup(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    if (this.hasStarted) {
      return this.live(reply);
    }
    const result = await this.answer(reply, [() => this.checkDatabase()]);
    this.hasStarted = result.status === 'ok';
    return result;
  }

  private checkDraining() {
    const check = this.indicators.check('process');
    return this.isDraining ? check.down('shutting down') : check.up();
  }

  private async checkDatabase() {
    const trouble = await this.database.trouble();
    const check = this.indicators.check('database');
    return trouble === null ? check.up() : check.down(trouble);
  }

  private async answer(reply: FastifyReply, checks: HealthIndicatorFunction[]): Promise<HealthCheckResult> {
    try {
      return await this.health.check(checks);
    } catch (error) {
      if (error instanceof ServiceUnavailableException) {
        void reply.status(503);
        return error.getResponse() as HealthCheckResult;
      }
      throw error;
    }
  }
}

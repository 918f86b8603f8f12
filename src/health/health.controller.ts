import { Controller, Get, Res, ServiceUnavailableException, Module } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorFunction,
  TerminusModule,
} from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { OpenToAll } from '../access/access.js';
import { CallOutcomes } from './call-outcomes.js';
import { HealthResponse } from './health.response.js';
import { DatabaseProbe, Readiness } from './readiness.js';
import { MetricsModule } from '../telemetry/metrics/registry.js';

const UP = { type: HealthResponse, description: 'Everything is up.' };
const DOWN = { type: HealthResponse, description: 'Something is down; `error` says what.' };

/** The probes of Kubernetes and load balancers. */
@ApiTags('health')
@OpenToAll()
@Controller('health')
export class HealthController {
  private hasStarted = false;

  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseProbe,
    private readonly readiness: Readiness,
  ) {}

  @Get()
  @HealthCheck({ swaggerDocumentation: false })
  @ApiOperation({ operationId: 'getHealth', summary: 'Same as /health/live' })
  @ApiOkResponse(UP)
  health(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return this.live(reply);
  }

  @Get('live')
  @HealthCheck({ swaggerDocumentation: false })
  @ApiOperation({
    operationId: 'getHealthLive',
    summary: 'Liveness: the process runs',
    description: 'Never touches the database.',
  })
  @ApiOkResponse(UP)
  live(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return this.answer(reply, [() => this.indicators.check('process').up()]);
  }

  @Get('ready')
  @HealthCheck({ swaggerDocumentation: false })
  @ApiOperation({
    operationId: 'getHealthReady',
    summary: 'Readiness: the service can answer calls now',
    description:
      'Not shutting down, the database answers within a second with the schema that this build needs, and not every call of the last seconds has failed.',
  })
  @ApiOkResponse(UP)
  @ApiServiceUnavailableResponse(DOWN)
  ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return this.answer(reply, [() => this.checkDraining(), () => this.checkCalls()]);
  }

  @Get('startup')
  @HealthCheck({ swaggerDocumentation: false })
  @ApiOperation({
    operationId: 'getHealthStartup',
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
    return this.readiness.isDraining ? check.down('shutting down') : check.up();
  }

  private async checkCalls() {
    return this.indicate(await this.readiness.trouble());
  }

  private async checkDatabase() {
    return this.indicate(await this.database.trouble());
  }

  private indicate(trouble: string | null) {
    const check = this.indicators.check('database');
    return trouble === null ? check.up() : check.down(trouble);
  }

  private async answer(reply: FastifyReply, checks: HealthIndicatorFunction[]): Promise<HealthCheckResult> {
    try {
      return await this.checks.check(checks);
    } catch (error) {
      if (error instanceof ServiceUnavailableException) {
        void reply.status(503);
        return error.getResponse() as HealthCheckResult;
      }
      throw error;
    }
  }
}

@Module({
  // Terminus would log every failed probe with a stack. The cause is logged once, where it is noticed.
  imports: [TerminusModule.forRoot({ logger: false }), MetricsModule],
  controllers: [HealthController],
  providers: [DatabaseProbe, CallOutcomes, Readiness],
})
export class HealthModule {}

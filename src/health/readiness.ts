import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DatabaseProbe } from './database-probe.js';

/** Whether the service can answer calls now, for `/health/ready` and the metric `service_ready`. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  isDraining = false;

  constructor(private readonly database: DatabaseProbe) {}

  /** The first hook of a shutdown: those of the next stage run one module after the other, and the drain is among them. */
  onModuleDestroy(): void {
    this.isDraining = true;
  }

  async isReady(): Promise<boolean> {
    return !this.isDraining && (await this.database.trouble()) === null;
  }
}

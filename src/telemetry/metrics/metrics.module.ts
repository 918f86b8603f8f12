import { Module } from '@nestjs/common';
import { Registry } from 'prom-client';

/** The registry that all metrics of one application are kept in. */
@Module({ providers: [{ provide: Registry, useFactory: () => new Registry() }], exports: [Registry] })
export class MetricsModule {}

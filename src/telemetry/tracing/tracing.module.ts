import { Module } from '@nestjs/common';
import { RequestTracing } from './request-tracing.js';

/** Traces of the requests, and the export of the last ones at shutdown. */
@Module({ providers: [RequestTracing] })
export class TracingModule {}

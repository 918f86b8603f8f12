import { Module } from '@nestjs/common';
import { AccessLog } from './access-log.js';

/** What is logged of requests that go well. */
@Module({ providers: [AccessLog] })
export class LoggingModule {}

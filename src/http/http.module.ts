import { Module } from '@nestjs/common';
import { ConnectionDrain } from './connection-drain.js';

/** What the HTTP server does beyond its options. */
@Module({ providers: [ConnectionDrain] })
export class HttpModule {}

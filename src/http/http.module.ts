import { Module } from '@nestjs/common';
import { ConnectionDrain } from './connection-drain.js';

/** The parts of the HTTP server that are not options. */
@Module({ providers: [ConnectionDrain] })
export class HttpModule {}

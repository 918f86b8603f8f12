import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

/** Takes in traces and forgets them, so that sending them is a part of what is measured. */
export class TraceSink {
  private constructor(private readonly server: Server) {}

  static async open(): Promise<TraceSink> {
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.end('{}'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TraceSink(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

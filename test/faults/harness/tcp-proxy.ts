import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** COMMIT as a query of its own, and the server's word that it was carried out. */
const COMMIT = /commit\0/i;
const COMMITTED = 'C\0\0\0\x0bCOMMIT\0';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/** Stands between a service and its database, and does to their connections what bad networks do. */
export class TcpProxy {
  /** Each way. */
  latencyMs = 0;
  /** Connections are taken and bytes are swallowed; what is swallowed is gone, also after the end of it. */
  isBlackHole = false;
  /** How many more transactions lose their connection between COMMIT and its answer. */
  cutsAfterCommit = 0;
  /** How many more transactions lose their connection with COMMIT on the way to the server. */
  cutsBeforeCommit = 0;
  /** Whether the first cut is also the end of the database for the time being. */
  isDownAfterCut = false;
  /** New connections are reset. */
  isRefusing = false;
  /** How many connections were cut at a COMMIT. */
  cuts = 0;
  private readonly links = new Set<Link>();

  private constructor(
    private readonly server: Server,
    private target: { readonly host: string; readonly port: number },
  ) {}

  /** @param databaseUrl the database to stand before */
  static async start(databaseUrl: string): Promise<TcpProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new TcpProxy(server, addressOf(databaseUrl));
    server.on('connection', (client) => proxy.link(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The URL of the same database, reached through the proxy. */
  through(databaseUrl: string): string {
    const { port } = this.server.address() as AddressInfo;
    return Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href;
  }

  /** Leads to another server from now on, as an address does after a failover. */
  moveTo(databaseUrl: string): void {
    this.target = addressOf(databaseUrl);
    this.reset();
  }

  get connections(): number {
    return this.links.size;
  }

  /** Resets all connections, on both sides. */
  reset(): void {
    for (const { client, server } of this.links) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** The database forgets all connections, and the service is not told. */
  halfOpen(): void {
    for (const { client, server } of this.links) {
      client.removeAllListeners('data').resume();
      server.removeAllListeners().on('error', () => undefined);
      server.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private link(client: Socket): void {
    if (this.isRefusing) {
      client.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const server = connect({ ...this.target, noDelay: true });
    const link = { client, server };
    this.links.add(link);
    const end = (): void => {
      this.links.delete(link);
      client.destroy();
      server.destroy();
    };
    client.on('error', end).on('close', end);
    server.on('error', end).on('close', end);
    client.on('data', (chunk) => this.pass(chunk, server, () => this.isCutBefore(chunk, link)));
    server.on('data', (chunk) => this.pass(chunk, client, () => this.isCutAfter(chunk, link)));
  }

  private pass(chunk: Buffer, to: Socket, isCut: () => boolean): void {
    if (this.isBlackHole) {
      return;
    }
    const deliver = (): void => {
      if (!isCut() && to.writable) {
        to.write(chunk);
      }
    };
    if (this.latencyMs === 0) {
      deliver();
    } else {
      setTimeout(deliver, this.latencyMs);
    }
  }

  private isCutBefore(chunk: Buffer, { client, server }: Link): boolean {
    if (this.cutsBeforeCommit === 0 || !COMMIT.test(chunk.toString('latin1'))) {
      return false;
    }
    this.cutsBeforeCommit--;
    this.noteCut();
    client.resetAndDestroy();
    server.resetAndDestroy();
    return true;
  }

  private isCutAfter(chunk: Buffer, { client, server }: Link): boolean {
    if (this.cutsAfterCommit === 0 || !chunk.toString('latin1').includes(COMMITTED)) {
      return false;
    }
    this.cutsAfterCommit--;
    this.noteCut();
    client.resetAndDestroy();
    server.destroy();
    return true;
  }

  private noteCut(): void {
    this.cuts++;
    if (this.isDownAfterCut) {
      this.isRefusing = true;
      // Idle connections, too: one of them would carry the call.
      this.links.forEach(({ client, server }) => {
        client.resetAndDestroy();
        server.destroy();
      });
    }
  }
}

function addressOf(databaseUrl: string): { host: string; port: number } {
  const { hostname, port } = new URL(databaseUrl);
  return { host: hostname, port: Number(port) };
}

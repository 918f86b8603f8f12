import {
  Agent,
  createServer,
  get,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

const POLL_MS = 200;

interface Backend {
  readonly url: string;
  readonly agent: Agent;
  isReady: boolean;
}

/** Shares calls among the replicas that say they are ready, and repeats none: what a replica breaks, the caller sees. */
export class Balancer {
  private readonly backends: Backend[] = [];
  private turn = 0;
  private readonly poller = setInterval(() => this.backends.forEach((each) => this.poll(each)), POLL_MS);

  private constructor(private readonly server: Server) {
    server.on('request', (incoming, outgoing) => this.forward(incoming, outgoing));
  }

  static async start(): Promise<Balancer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Balancer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get ready(): number {
    return this.backends.filter(({ isReady }) => isReady).length;
  }

  add(url: string): void {
    this.backends.push({ url, agent: new Agent({ keepAlive: true }), isReady: false });
  }

  remove(url: string): void {
    const [gone] = this.backends.splice(
      this.backends.findIndex((each) => each.url === url),
      1,
    );
    gone?.agent.destroy();
  }

  async close(): Promise<void> {
    clearInterval(this.poller);
    this.backends.forEach(({ agent }) => agent.destroy());
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private poll(backend: Backend): void {
    get(new URL('/health/ready', backend.url), { agent: false, timeout: 1_000 }, (response) => {
      backend.isReady = response.resume().statusCode === 200;
    }).once('error', () => (backend.isReady = false));
  }

  private forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const ready = this.backends.filter(({ isReady }) => isReady);
    const backend = ready[this.turn++ % ready.length];
    const refuse = (error: Error): void => void outgoing.writeHead(502).end(JSON.stringify(error.message));
    if (backend === undefined) {
      refuse(new Error('no replica is ready'));
      return;
    }
    const { method, headers, url = '/' } = incoming;
    const onward = request(new URL(url, backend.url), { method, headers, agent: backend.agent });
    onward.once('error', refuse).once('response', (response) => {
      const { connection: _, ...others } = response.headers;
      outgoing.writeHead(response.statusCode ?? 502, others);
      response.pipe(outgoing);
    });
    incoming.pipe(onward);
  }
}

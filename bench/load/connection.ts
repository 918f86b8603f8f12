import { connect, type Socket } from 'node:net';

const HEADERS_END = '\r\n\r\n';
/** Longer than any call may take: the service gives up on its database after 5 s. */
const TIMEOUT_MS = 30_000;

export interface RawAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * One kept-alive connection with one call under way at a time.
 *
 * Written by hand because the client must cost little beside what it measures, on the same cores: see the figures in
 * the README. It knows what the service sends and no more: a status, a content-length, a body.
 */
export class Connection {
  private chunks: Buffer[] = [];
  private bytes = 0;
  /** Length of the whole answer; null until its headers are complete. */
  private wanted: number | null = null;
  private bodyAt = 0;
  private readonly authorization: string;
  private settle: { answer: (raw: RawAnswer) => void; fail: (error: Error) => void } | null = null;

  private constructor(
    private readonly socket: Socket,
    private readonly host: string,
    key: string | null,
  ) {
    this.authorization = key === null ? '' : `Authorization: Bearer ${key}\r\n`;
    socket.setNoDelay(true);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the service closed the connection')));
  }

  /** @param key API key to show; null: none */
  static async open(port: number, key: string | null = null): Promise<Connection> {
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Connection(socket, `127.0.0.1:${port}`, key);
  }

  /** @throws if the connection breaks before the whole answer is there */
  post(path: string, body: string): Promise<RawAnswer> {
    // Bodies are ASCII, so that their length is their length in bytes.
    return this.send(
      `POST ${path} HTTP/1.1\r\nHost: ${this.host}\r\n${this.authorization}Content-Type: application/json\r\n` +
        `Content-Length: ${body.length}${HEADERS_END}${body}`,
    );
  }

  /** @throws if the connection breaks before the whole answer is there */
  get(path: string): Promise<RawAnswer> {
    return this.send(
      `GET ${path} HTTP/1.1\r\nHost: ${this.host}\r\n${this.authorization}${HEADERS_END.slice(2)}`,
    );
  }

  close(): void {
    this.socket.destroy();
  }

  private send(request: string): Promise<RawAnswer> {
    return new Promise((answer, fail) => {
      this.settle = { answer, fail };
      this.socket.write(request, 'latin1');
    });
  }

  private take(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.wanted === null) {
      this.readHeaders();
    }
    if (this.wanted !== null && this.bytes >= this.wanted) {
      const whole = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks);
      const status = Number(whole.toString('latin1', 9, 12));
      const body = whole.subarray(this.bodyAt, this.wanted);
      this.chunks = [];
      this.bytes = 0;
      this.wanted = null;
      this.settle?.answer({ status, body });
    }
  }

  private readHeaders(): void {
    const bytes = Buffer.concat(this.chunks);
    this.chunks = [bytes];
    const end = bytes.indexOf(HEADERS_END);
    if (end < 0) {
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1];
    if (length === undefined) {
      this.socket.destroy(new Error('an answer without content-length'));
      return;
    }
    this.bodyAt = end + HEADERS_END.length;
    this.wanted = this.bodyAt + Number(length);
  }

  private fail(error: Error): void {
    this.settle?.fail(error);
  }
}

import { connect, type Socket } from 'node:net';

/** Opens a connection and writes these bytes on it. Errors of the connection are its end, no more. */
export function openSocket(url: string, bytes: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => undefined);
      socket.write(bytes);
      resolve(socket);
    });
  });
}

/**
 * Opens a connection with so many calls, of whose answers no more is read than shows that the calls have arrived: they fit
 * into one packet, and the service reads all of that before it answers. If it ends the connection instead, that shows it too.
 */
export async function openUnread(url: string, path: string, calls: number): Promise<Socket> {
  const socket = await openSocket(url, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(calls));
  await new Promise<void>((arrived) => {
    socket.once('close', () => arrived());
    socket.once('data', () => {
      socket.pause();
      arrived();
    });
  });
  return socket;
}

/** What the service writes on a connection on which these bytes were sent, until one of both has ended it. */
export async function exchange(url: string, bytes: string): Promise<string> {
  const socket = await openSocket(url, bytes);
  let received = '';
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      socket.end();
    });
    socket.on('close', () => resolve(received));
  });
}

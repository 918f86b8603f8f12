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

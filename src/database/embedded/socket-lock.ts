import { createHash } from 'node:crypto';
import { stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Locks a name for this process: a socket on which it listens until it ends. A file with a process id would remain after a
 * kill, and in containers every process has the same id.
 *
 * @param path the path of the socket, at most 103 bytes
 * @returns a function that releases the name; null: another process holds it
 */
export async function holdSocket(path: string): Promise<(() => Promise<void>) | null> {
  for (let tries = 0; tries < 5; tries++) {
    const server = await listen(path);
    if (server !== null) {
      const release = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
      if (await isStillThere(path)) {
        return release;
      }
      await release();
      return null;
    }
    if (await answers(path)) {
      break;
    }
    // left by a process that was killed
    await unlink(path).catch(() => undefined);
  }
  return null;
}

/** A socket among the temporary files; on Windows a named pipe. */
export function temporarySocket(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return process.platform === 'win32'
    ? `\\\\.\\pipe\\identity-reconciliation-${hash}`
    : join(tmpdir(), `identity-${hash}.sock`);
}

function listen(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen(path, () => resolve(server.unref()));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.unref();
    socket.once('connect', () => socket.destroy());
  });
}

/** Two processes may both find a dead socket and replace it. The one whose socket was replaced gives up. */
async function isStillThere(path: string): Promise<boolean> {
  if (process.platform === 'win32') {
    return true;
  }
  const mine = await stat(path);
  await sleep(50);
  const now = await stat(path).catch(() => null);
  return now?.ino === mine.ino;
}

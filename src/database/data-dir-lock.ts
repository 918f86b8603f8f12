import { createHash } from 'node:crypto';
import { access, constants, mkdir, readdir, realpath, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Another process has the embedded database's folder open. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError';

  constructor(dataDir: string) {
    super(
      `The data folder ${dataDir} is in use by another process. ` +
        'Stop that process, set DATA_DIR to another folder, or set DATABASE_URL to share a PostgreSQL.',
    );
  }
}

/** The folder can't hold the embedded database. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
}

/**
 * Holds the folder for this process, because the embedded database itself lets a second process in and breaks.
 *
 * The lock is a socket that this process listens on for as long as it lives. A file with a process id would go stale
 * with a kill, and in containers every process has the same id.
 *
 * @returns what releases the folder again
 * @throws {DataDirInUseError}
 * @throws {DataDirError} if the folder can't be made or written, or has other things in it
 */
export async function holdDataDir(dataDir: string): Promise<() => Promise<void>> {
  await prepare(dataDir);
  const path = await socketPath(dataDir);
  for (let tries = 0; tries < 5; tries++) {
    const server = await listen(path);
    if (server !== null) {
      await confirm(path, server, dataDir);
      return () => new Promise((resolve) => server.close(() => resolve()));
    }
    if (await answers(path)) {
      break;
    }
    // left behind by a process that was killed
    await unlink(path).catch(() => undefined);
  }
  throw new DataDirInUseError(dataDir);
}

/** Makes the folder if it is not there, and refuses one that belongs to something else. */
async function prepare(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    const files = (await readdir(dataDir)).filter((file) => file !== SOCKET && file !== 'lost+found');
    if (files.length > 0 && !files.includes('PG_VERSION')) {
      throw new Error('it is not empty, and what is in it is not a database');
    }
  } catch (error) {
    throw new DataDirError(`The data folder ${dataDir} can't be used: ${(error as Error).message}`);
  }
}

const SOCKET = 'in-use.sock';
/** Bytes that the path of a socket may have: 107 on Linux, 103 on macOS. */
const SOCKET_PATH_MAX = 103;

/** The socket lies in the folder itself, or among the temporary files under the folder's hash if its path is too long. */
async function socketPath(dataDir: string): Promise<string> {
  const folder = await realpath(dataDir);
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\identity-reconciliation-${hash}`;
  }
  const inside = join(folder, SOCKET);
  return Buffer.byteLength(inside) <= SOCKET_PATH_MAX ? inside : join(tmpdir(), `identity-${hash}.sock`);
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

/** Two processes may both find a dead socket and replace it; the one whose socket was replaced steps back. */
async function confirm(path: string, server: Server, dataDir: string): Promise<void> {
  if (process.platform === 'win32') {
    return;
  }
  const mine = await stat(path);
  await sleep(50);
  const now = await stat(path).catch(() => null);
  if (now?.ino !== mine.ino) {
    await new Promise((resolve) => server.close(resolve));
    throw new DataDirInUseError(dataDir);
  }
}

import { access, constants, mkdir, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { holdSocket, temporarySocket } from './socket-lock.js';

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
 * @returns what releases the folder again
 * @throws {DataDirInUseError}
 * @throws {DataDirError} if the folder can't be made or written, or has other things in it
 */
export async function holdDataDir(dataDir: string): Promise<() => Promise<void>> {
  await prepare(dataDir);
  const release = await holdSocket(await socketPath(dataDir));
  if (release === null) {
    throw new DataDirInUseError(dataDir);
  }
  return release;
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
  const inside = join(folder, SOCKET);
  const fits = process.platform !== 'win32' && Buffer.byteLength(inside) <= SOCKET_PATH_MAX;
  return fits ? inside : temporarySocket(folder);
}

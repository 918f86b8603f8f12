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
 * Locks the folder for this process. The embedded database itself would let a second process in, and break.
 *
 * @returns a function that releases the folder
 * @throws {DataDirInUseError}
 * @throws {DataDirError} if the folder can't be created or written, or contains other files
 */
export async function holdDataDir(dataDir: string): Promise<() => Promise<void>> {
  await prepare(dataDir);
  const release = await holdSocket(await socketPath(dataDir));
  if (release === null) {
    throw new DataDirInUseError(dataDir);
  }
  return release;
}

/** Creates the folder if it does not exist, and refuses a folder with other files. */
async function prepare(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    const files = (await readdir(dataDir)).filter((file) => file !== SOCKET && file !== 'lost+found');
    if (files.length > 0 && !files.includes('PG_VERSION')) {
      throw new Error('it contains files that are not a database');
    }
  } catch (error) {
    throw new DataDirError(`The data folder ${dataDir} can't be used: ${(error as Error).message}`);
  }
}

const SOCKET = 'in-use.sock';
/** The longest path of a socket in bytes: 107 on Linux, 103 on macOS. */
const SOCKET_PATH_MAX = 103;

/** The socket is in the folder itself. If its path is too long, it is a temporary file named by the folder's hash. */
async function socketPath(dataDir: string): Promise<string> {
  const folder = await realpath(dataDir);
  const inside = join(folder, SOCKET);
  const fits = process.platform !== 'win32' && Buffer.byteLength(inside) <= SOCKET_PATH_MAX;
  return fits ? inside : temporarySocket(folder);
}

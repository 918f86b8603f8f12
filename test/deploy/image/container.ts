import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Image } from './image.js';

const isRoot = process.getuid?.() === 0;

/**
 * Everything that is mounted becomes read-only, except the temporary folder $1; then the user changes to $2, for good.
 * Only this process and its children see it: `unshare` gave them a list of mounts of their own.
 */
const READ_ONLY = `
set -e
mount --bind "$1" "$1"
while read -r _ point _; do
  [ "$point" = "$1" ] || mount -o remount,bind,ro "$point" 2>/dev/null || true
done </proc/self/mounts
user=$2
shift 2
exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
`;

/**
 * How the file system is kept from being written: by the kernel, as in a container, where this process may mount; and
 * otherwise by Node's permission model, which refuses the same calls within the process.
 */
export const guard: 'kernel' | 'node' = isRoot && maySetMounts() ? 'kernel' : 'node';

/** A process of the image, as Kubernetes runs it: not as root, and with a file system that can't be written. */
export class Container {
  private readonly chunks: string[] = [];
  private readonly ended: Promise<unknown>;

  private constructor(readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk: Buffer) => this.chunks.push(chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => this.chunks.push(chunk.toString()));
    this.ended = once(child, 'close');
  }

  static start(image: Image, command: readonly string[], env: Readonly<Record<string, string>>): Container {
    const temporary = image.path('/tmp');
    const user = image.user.split(':')[0]!;
    const [program, ...args] =
      guard === 'kernel'
        ? ['unshare', '--mount', 'sh', '-c', READ_ONLY, 'sh', temporary, user, ...command]
        : command;
    const child = spawn(program!, args, {
      cwd: image.path('.'),
      env: {
        PATH: `${image.bin}:/usr/bin:/bin:/usr/sbin:/sbin`,
        HOME: image.root,
        TMPDIR: temporary,
        ...(guard === 'node' && {
          NODE_OPTIONS: `--permission --allow-fs-read=* --allow-fs-write=${temporary}/*`,
        }),
        ...image.env,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(guard === 'node' && isRoot && { uid: Number(user), gid: Number(user) }),
    });
    return new Container(child);
  }

  /** Everything that it has printed. */
  get output(): string {
    return this.chunks.join('');
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits for the end; the exit code, or null if a signal killed it. */
  async exitCode(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }
}

function maySetMounts(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'sh', '-ec', 'mount --bind /tmp /tmp'], {
      stdio: 'ignore',
    });
    execFileSync('setpriv', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { Rendering, type KubernetesObject } from './rendering.js';

/** What Kustomize makes of a folder: the objects that `kubectl apply -k` would send. */
export function render(...folders: string[]): Rendering {
  const [program, ...args] = findKustomize();
  const texts = folders.map((folder) =>
    execFileSync(program!, [...args, folder], { encoding: 'utf8', timeout: 60_000 }),
  );
  return new Rendering(texts.flatMap((text) => loadAll(text) as KubernetesObject[]));
}

/** The file's only document. */
export function parseYaml(text: string): unknown {
  return load(text);
}

/** The command to put a folder behind: what this machine has, or else Debian's package. */
function findKustomize(): string[] {
  const known = [
    ['kustomize', 'build'],
    ['kubectl', 'kustomize'],
  ];
  return (
    known.find(([program]) => isInstalled(program!)) ?? [join(debianPackage(), 'usr/bin/kustomize'), 'build']
  );
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function debianPackage(): string {
  try {
    return execFileSync('scripts/debian-package.sh', ['kustomize'], {
      encoding: 'utf8',
      timeout: 180_000,
    }).trim();
  } catch (error) {
    throw new Error(
      'put kustomize or kubectl on the PATH; only Debian and its kin can fetch it by themselves',
      {
        cause: error,
      },
    );
  }
}

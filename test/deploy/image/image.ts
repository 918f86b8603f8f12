import { execFile } from 'node:child_process';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { isInContext, parseDockerfile, type Instruction, type Stage } from './dockerfile.js';

type Stages = Map<string, Promise<Image>>;

/**
 * What the Dockerfile builds, in a folder: its instructions are read from it and carried out one by one, where no
 * container engine is to be had.
 *
 * Each stage has a folder that stands for its root, and absolute paths lead below it. The base image is the system that
 * runs this, with the Node of this process. An instruction that is not known here is an error, so that nothing is skipped
 * in silence.
 */
export class Image {
  readonly env: Record<string, string> = {};
  user = '0:0';
  command: string[] = [];
  healthcheck: string[] = [];
  private workdir = '/';

  private constructor(
    readonly base: string,
    /** Stands for `/`. */
    readonly root: string,
    /** Programs of the base image: Node, and npm finds no others of this project. */
    readonly bin: string,
  ) {}

  /** Carries out the whole Dockerfile; the result is its last stage. */
  static async build(): Promise<Image> {
    // Without links, since permissions are compared by path.
    const work = await realpath(await mkdtemp(join(tmpdir(), 'identity-image-')));
    // Another user than the one that builds it will run it.
    await chmod(work, 0o755);
    const bin = await programs(work);
    const stages = parseDockerfile(await readFile('Dockerfile', 'utf8'));
    // All at once: a stage waits for another where it copies from it.
    const built: Stages = new Map();
    for (const [index, stage] of stages.entries()) {
      built.set(stage.name ?? 'last', Image.buildStage(stage, join(work, `stage-${index}`), bin, built));
    }
    // All of them settled, so that none goes on in a folder that is removed.
    const results = await Promise.allSettled(built.values());
    const failure = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failure !== undefined) {
      await rm(work, { recursive: true, force: true });
      throw failure.reason;
    }
    return (results.at(-1) as PromiseFulfilledResult<Image>).value;
  }

  /** The folder that stands for an absolute path, or for one below the working directory. */
  path(path: string): string {
    return join(this.root, resolve(this.workdir, path));
  }

  async remove(): Promise<void> {
    await rm(join(this.root, '..'), { recursive: true, force: true });
  }

  private static async buildStage(stage: Stage, root: string, bin: string, built: Stages): Promise<Image> {
    const image = new Image(stage.base, root, bin);
    await mkdir(image.path('/tmp'), { recursive: true });
    await chmod(image.path('/tmp'), 0o1777);
    for (const instruction of stage.instructions) {
      await image.follow(instruction, built);
    }
    return image;
  }

  private async follow(instruction: Instruction, built: Stages): Promise<void> {
    const { keyword, text } = instruction;
    switch (keyword) {
      case 'WORKDIR':
        this.workdir = resolve(this.workdir, text);
        await mkdir(this.path('.'), { recursive: true });
        return;
      case 'COPY':
        await this.copy(instruction, built);
        return;
      case 'RUN':
        await this.run(text);
        return;
      case 'ENV':
        for (const [, name, value] of text.matchAll(/(\w+)=(\S+)/g)) {
          this.env[name!] = value!.startsWith('/') ? this.path(value!) : value!;
        }
        return;
      case 'USER':
        this.user = text;
        return;
      case 'CMD':
        this.command = JSON.parse(text) as string[];
        return;
      case 'HEALTHCHECK':
        this.healthcheck = JSON.parse(text.replace(/^CMD\s+/, '')) as string[];
        return;
      case 'EXPOSE':
      case 'LABEL':
        return;
      default:
        throw new Error(`the Dockerfile has ${keyword}, which is not known here`);
    }
  }

  /** From another stage, or from what `.dockerignore` lets through of the project. */
  private async copy({ text, flags }: Instruction, built: Stages): Promise<void> {
    const { from, ...others } = flags;
    const sources = text.split(/\s+/);
    const target = sources.pop()!;
    if (Object.keys(others).length > 0 || /["*?[]/.test(text)) {
      throw new Error(`COPY ${text} has more to it than is known here`);
    }
    for (const source of sources) {
      if (from === undefined && !isInContext(source, await readFile('.dockerignore', 'utf8'))) {
        throw new Error(`.dockerignore keeps ${source} from the build`);
      }
      const origin = from === undefined ? resolve(source) : (await built.get(from)!).path(source);
      const isIntoFolder = target.endsWith('/') && (await stat(origin)).isFile();
      await cp(origin, this.path(isIntoFolder ? join(target, basename(source)) : target), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
  }

  private async run(text: string): Promise<void> {
    const command = text.replaceAll(/(?<=^|\s)\/(?=\w)/g, `${this.root}/`);
    await promisify(execFile)('sh', ['-ec', command], {
      cwd: this.path('.'),
      env: { ...outerEnvironment(), ...this.env, PATH: `${this.bin}:${outerPath()}` },
      maxBuffer: 32 * 1024 * 1024,
      timeout: 300_000,
    });
  }
}

async function programs(work: string): Promise<string> {
  const bin = join(work, 'bin');
  await mkdir(bin);
  // The one of this process may lie where other users can't read.
  await copyFile(process.execPath, join(bin, 'node'));
  if (process.getuid?.() !== 0) {
    // Only root can give files away, and without root there is nobody to give them to.
    await writeFile(join(bin, 'chown'), '#!/bin/sh\n', { mode: 0o755 });
  }
  return bin;
}

/** Without what npm and the project's own scripts have added; a proxy or a registry is still found. */
function outerEnvironment(): Record<string, string | undefined> {
  const added = /^(npm_(package|lifecycle|config_local_prefix|command)|NODE_|INIT_CWD|JEST_|TEST_)/;
  const kept = Object.entries(process.env).filter(([name]) => !added.test(name));
  // What the project's own installation has brought need not come over the network again.
  return { ...Object.fromEntries(kept), npm_config_prefer_offline: 'true' };
}

function outerPath(): string {
  return process.env
    .PATH!.split(':')
    .filter((folder) => !folder.includes('node_modules'))
    .join(':');
}

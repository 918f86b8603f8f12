import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { ServiceClient } from '../../support/client.js';
import { freePort } from '../../support/postgres-server.js';
import { createGuardedDatabase, type GuardedDatabase } from '../../support/roles.js';
import { installedPackages, productionPackages } from '../production-packages.js';
import { Container, guard } from './container.js';
import { Image } from './image.js';

const isRoot = process.getuid?.() === 0;
const GUARDS = {
  kernel: 'mounts that are read-only',
  node: "Node's permission model, since mounts can't be changed here",
};

/** Tries to write to each folder that it is given; prints the ones that let it. */
const WRITES = `
const { rmSync, writeFileSync } = require('node:fs');
const canWrite = (folder) => {
  try { writeFileSync(folder + '/trace', ''); rmSync(folder + '/trace'); return true; } catch { return false; }
};
console.log(JSON.stringify(process.argv.slice(1).filter(canWrite)));
`;

let image: Image;
let database: GuardedDatabase;
let env: Record<string, string>;
let before: string[];

beforeAll(async () => {
  database = await createGuardedDatabase({ isMigrated: false });
  image = await Image.build();
  env = {
    ...(parseEnv(readFileSync('deploy/kubernetes/base/settings.env', 'utf8')) as Record<string, string>),
    DATABASE_URL: database.serviceUrl,
    // Those of the manifests may be taken here.
    PORT: String(await freePort()),
    METRICS_PORT: '0',
  };
  before = await listing(image.root);
}, 600_000);

afterAll(async () => {
  await database.drop();
  await image.remove();
});

test('its Node is the one that the tests run on', () => {
  expect(image.base).toMatch(/^node:\d+\.\d+\.\d+-/);
  expect(image.base.split(/[:-]/)[1]).toBe(process.version.slice(1));
});

test('it holds what runs, and neither sources nor tests nor settings', async () => {
  expect(await readdir(image.path('/app'))).toEqual([
    'LICENSE',
    'console',
    'dist',
    'node_modules',
    'package.json',
  ]);
});

test('its packages are all that production needs, and none that only development does', () => {
  expect(installedPackages(image.path('node_modules'))).toEqual(productionPackages());
});

test('its user is not root, and given as a number, by which Kubernetes can tell', () => {
  expect(image.user).toBe('65532:65532');
});

test(`its processes can write to the temporary folder only, held by ${GUARDS[guard]}`, async () => {
  const folders = ['/app', '/app/dist', '/data', '/'].map((folder) => image.path(folder));
  const all = [...folders, '/var/tmp', '/dev/shm', process.cwd(), image.path('/tmp')];
  const container = Container.start(image, ['node', '-e', WRITES, ...all], env);
  expect({ code: await container.exitCode(), output: container.output.trim() }).toEqual({
    code: 0,
    output: JSON.stringify([image.path('/tmp')]),
  });
});

test('it migrates an empty database, as the role that owns the tables then', async () => {
  const container = Container.start(image, ['node', 'dist/src/cli/main.js', 'migrate'], {
    DATABASE_URL: database.ownerUrl,
    DATABASE_SERVICE_ROLE: new URL(database.serviceUrl).username,
  });
  expect(await container.exitCode()).toBe(0);
  expect(container.output).toContain('Applied');
});

test('it starts with the settings of Kubernetes, is no root, answers, is healthy, and ends with 0 on SIGTERM', async () => {
  const container = Container.start(image, image.command, env);
  const client = new ServiceClient(`http://127.0.0.1:${env.PORT}`);
  try {
    await ready(client, container);
    expect(rights(container.child.pid!)).toEqual(expectedRights());
    expect((await client.send('GET', '/health/live')).status).toBe(200);
    expect((await client.send('GET', '/health/startup')).status).toBe(200);
    expect((await client.send('GET', '/console')).body).toContain('<title>Identity console</title>');
    const call = { email: 'lorraine@hillvalley.edu', phoneNumber: '123456' };
    expect((await client.send('POST', '/identify', call)).status).toBe(401);
    const authorization = `Bearer ${await createKey()}`;
    expect(await client.send('POST', '/identify', call, { authorization })).toMatchObject({
      status: 200,
      body: {
        contact: {
          primaryContactId: 1,
          emails: ['lorraine@hillvalley.edu'],
          phoneNumbers: ['123456'],
          secondaryContactIds: [],
        },
      },
    });
    expect(await Container.start(image, image.healthcheck, env).exitCode()).toBe(0);
  } finally {
    container.child.kill('SIGTERM');
  }
  const started = performance.now();
  expect(await container.exitCode()).toBe(0);
  expect(performance.now() - started).toBeLessThan(5000);
  expect(await Container.start(image, image.healthcheck, env).exitCode()).toBe(1);
}, 120_000);

test('nothing in it has changed since it was built', async () => {
  expect(await listing(image.root)).toEqual(before);
});

/** As the owner of the tables, because the service's role makes no keys. */
async function createKey(): Promise<string> {
  const container = Container.start(image, ['node', 'dist/src/cli/main.js', 'keys', 'create', 'till'], {
    DATABASE_URL: database.ownerUrl,
  });
  expect(await container.exitCode()).toBe(0);
  return /idr_\S+/.exec(container.output)![0];
}

async function ready(client: ServiceClient, container: Container): Promise<void> {
  for (let tries = 0; tries < 300 && container.isRunning; tries++) {
    const reply = await client.send('GET', '/health/ready').catch(() => null);
    if (reply?.status === 200) {
      return;
    }
    await sleep(100);
  }
  throw new Error(`the service is not ready:\n${container.output}`);
}

/** User and rights of a process, as the kernel tells them; null where it tells nothing. */
function rights(pid: number): object | null {
  if (process.platform !== 'linux') {
    return null;
  }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)![1]!;
  return {
    user: Number(field('Uid')),
    capabilities: Number.parseInt(field('CapEff'), 16),
    mayGainMore: guard === 'node' || field('NoNewPrivs') === '0',
  };
}

function expectedRights(): object | null {
  return process.platform === 'linux'
    ? { user: isRoot ? 65_532 : process.getuid!(), capabilities: 0, mayGainMore: guard === 'node' }
    : null;
}

/** Every file with its size and the time of its last change, but for the temporary folder. */
async function listing(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true });
  const lines = names
    .filter((name) => name !== 'tmp' && !name.startsWith('tmp/'))
    .map(async (name) => {
      const { size, mtimeMs } = await stat(join(root, name));
      return `${name} ${size} ${mtimeMs}`;
    });
  return (await Promise.all(lines)).toSorted();
}

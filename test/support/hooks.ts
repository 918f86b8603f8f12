import { startApp, type RunningApp } from './app.js';
import { createDatabase, type TestDatabase } from './database.js';
import { createGuardedDatabase, type GuardedDatabase } from './roles.js';
import { ServiceProcess } from './service-process.js';

// What a file of tests shares: opened before its tests, closed after them, the last first. What these functions return may
// be used from the first hook on. It is closed before the file's own `afterAll` runs.

type Env = Readonly<Record<string, string>>;

/** A migrated database, empty at first. */
export function useDatabase(): TestDatabase {
  return use(createDatabase, (database) => database.drop());
}

/** A migrated database with roles as for production. */
export function useGuardedDatabase(): GuardedDatabase {
  return use(createGuardedDatabase, (guarded) => guarded.drop());
}

/** The application in this process. */
export function useApp(env: () => Env): RunningApp {
  return use(
    () => startApp(env()),
    (app) => app.close(),
  );
}

/** The built service in a process of its own. Its end must be an orderly one. */
export function useService(env: () => Env): ServiceProcess {
  return use(() => ServiceProcess.start(env()), endOrderly);
}

/** Services that start at the same time. */
export function useReplicas(envs: () => readonly Env[]): readonly ServiceProcess[] {
  return use(
    () => Promise.all(envs().map((env) => ServiceProcess.start(env))),
    async (replicas) => void (await Promise.all(replicas.map(endOrderly))),
  );
}

const closers: (() => Promise<void>)[] = [];

/**
 * Anything that is opened before the tests and closed after them.
 *
 * @returns what stands for it until it is open
 */
export function use<T extends object>(
  open: () => Promise<T>,
  close: (thing: T) => Promise<void>,
  timeoutMs?: number,
): T {
  if (closers.length === 0) {
    afterAll(closeAll);
  }
  const place = closers.push(() => Promise.resolve()) - 1;
  let thing: T | null = null;
  beforeAll(async () => {
    const fresh = await open();
    thing = fresh;
    closers[place] = () => close(fresh);
  }, timeoutMs);
  const opened = (): T => {
    if (thing === null) {
      throw new Error('this is opened before the first test, and not sooner');
    }
    return thing;
  };
  return new Proxy({} as T, {
    get(_, property) {
      const value: unknown = Reflect.get(opened(), property);
      return typeof value === 'function' ? (value.bind(thing) as unknown) : value;
    },
    set: (_, property, value) => Reflect.set(opened(), property, value),
  });
}

async function closeAll(): Promise<void> {
  for (const close of closers.toReversed()) {
    await close();
  }
}

async function endOrderly(service: ServiceProcess): Promise<void> {
  const code = await service.end('SIGTERM');
  if (code !== 0) {
    throw new Error(`a service ended with ${code}:\n${service.output}`);
  }
}

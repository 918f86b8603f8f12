import { ServiceProcess } from '../../support/service-process.js';

const started: ServiceProcess[] = [];

/** Starts the built service; see {@link killServices}. */
export async function startService(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(env);
  started.push(service);
  return service;
}

/** Ends what a test that failed has left running. */
export async function killServices(): Promise<void> {
  await Promise.all(started.splice(0).map((service) => service.end('SIGKILL')));
}

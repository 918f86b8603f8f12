import type { ShownIdentity, IdentifyBody } from './wire.js';
import type { ServiceClient } from './client.js';
import { closure } from './union-find.js';

/** One acknowledged call: what was sent, what came back, and when, on a clock that ticks with every event. */
export interface Acknowledged {
  readonly sighting: IdentifyBody;
  readonly answer: ShownIdentity;
  readonly startedAt: number;
  readonly answeredAt: number;
}

/**
 * Sends all sightings, `width` at a time, the services taking turns; a call that fails fails the storm.
 *
 * @param earlier what was acknowledged before on the same database
 * @returns that, and what was acknowledged now
 */
export async function storm(
  services: readonly ServiceClient[],
  sightings: readonly IdentifyBody[],
  width: number,
  earlier: readonly Acknowledged[],
): Promise<Acknowledged[]> {
  const acknowledged = [...earlier];
  let next = 0;
  let tick = earlier.length * 2;
  const sender = async (): Promise<void> => {
    for (let i = next++; i < sightings.length; i = next++) {
      const sighting = sightings[i]!;
      const startedAt = tick++;
      const answer = await services[i % services.length]!.identify(sighting);
      acknowledged.push({ sighting, answer, startedAt, answeredAt: tick++ });
    }
  };
  await Promise.all(Array.from({ length: width }, sender));
  return acknowledged;
}

/**
 * The answers that were true at no moment between call and answer. As long as nothing is deleted identities only
 * grow, so an answer must show all that was acknowledged before its call, and nothing that was sent after it.
 */
export function untrueAnswers(acknowledged: readonly Acknowledged[]): Acknowledged[] {
  return acknowledged.filter((call) => {
    const before = acknowledged.filter(({ answeredAt }) => answeredAt < call.startedAt);
    const possible = acknowledged.filter(({ startedAt }) => startedAt < call.answeredAt);
    const shown = new Set(identifiersOf(call.answer));
    const least = componentOf(call.sighting, [...before, call]);
    const most = new Set(componentOf(call.sighting, possible));
    return !least.every((value) => shown.has(value)) || ![...shown].every((value) => most.has(value));
  });
}

function identifiersOf({ emails, phoneNumbers }: ShownIdentity): string[] {
  return [...emails.map((email) => `e:${email}`), ...phoneNumbers.map((phoneNumber) => `p:${phoneNumber}`)];
}

function componentOf({ email, phoneNumber }: IdentifyBody, calls: readonly Acknowledged[]): string[] {
  const mine = email === null ? `p:${phoneNumber}` : `e:${email}`;
  return closure(calls.map(({ sighting }) => sighting))
    .map((component) => component.split(' '))
    .find((component) => component.includes(mine))!;
}

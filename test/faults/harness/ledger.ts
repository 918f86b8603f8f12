import type { TestDatabase } from '../../support/database.js';
import { partition, violations } from '../../support/invariants.js';
import { untold } from '../../support/told.js';
import { closure } from '../../support/union-find.js';
import { identityOf, type Caller } from './caller.js';
import type { Identified } from './traffic.js';

/** What became of the acknowledged calls. All zero and empty if nothing was lost and nothing broke. */
export interface Audit {
  /** Identities that acknowledged calls formed and the database does not have, or not in one piece. */
  readonly lost: number;
  /** Contacts that an answer named and the database does not have. */
  readonly vanished: number;
  /** Identities that no call, answered or not, can explain. */
  readonly unexplained: number;
  readonly broken: Record<string, object[]>;
  /** Where somebody who follows the events is wrong. */
  readonly untold: object[];
}

export const SOUND: Audit = { lost: 0, vanished: 0, unexplained: 0, broken: {}, untold: [] };

/** Compares the database with what was acknowledged. Calls that were not may have been carried out, or not. */
export async function audit(database: TestDatabase, calls: readonly Identified[]): Promise<Audit> {
  const acknowledged = calls.filter(({ status }) => status === 200);
  const stored = (await partition(database)).map((identity) => identity.split(' '));
  const identityByValue = new Map(stored.flatMap((identity) => identity.map((value) => [value, identity])));
  const lost = closure(acknowledged.map(({ sighting }) => sighting)).filter((component) => {
    const [first, ...rest] = component.split(' ').map((value) => identityByValue.get(value));
    return first === undefined || rest.some((identity) => identity !== first);
  });
  const possible = new Map(
    closure(calls.map(({ sighting }) => sighting)).flatMap((component) =>
      component.split(' ').map((value) => [value, component]),
    ),
  );
  const unexplained = stored.filter(
    ([first, ...rest]) =>
      !possible.has(first!) || rest.some((value) => possible.get(value) !== possible.get(first!)),
  );
  const named = acknowledged.map(identityOf);
  const ids = new Set(
    named.flatMap(({ primaryContactId, secondaryContactIds }) => [primaryContactId, ...secondaryContactIds]),
  );
  const [row] = await database.query<{ count: string }>(
    `select count(*) from unnest($1::bigint[]) id where not exists (
       select from contact c where c.id = id and c.tenant_id = 1 and c.deleted_at is null)`,
    [[...ids]],
  );
  return {
    lost: lost.length,
    vanished: Number(row!.count),
    unexplained: unexplained.length,
    broken: await violations(database),
    untold: await untold(database),
  };
}

/**
 * Repeats the calls that got no answer, as their callers would, and tells whether everything that was ever sent is there
 * then: exactly once, and in the right identities.
 */
export async function isWholeAfterRepetition(
  database: TestDatabase,
  calls: readonly Identified[],
  caller: Caller,
): Promise<boolean> {
  const left = calls.filter(({ status }) => status !== 200);
  const repeat = async (): Promise<void> => {
    for (let call = left.pop(); call !== undefined; call = left.pop()) {
      await caller.identify(call.sighting);
    }
  };
  await Promise.all(Array.from({ length: 16 }, repeat));
  const expected = closure(calls.map(({ sighting }) => sighting));
  const { broken } = await audit(database, calls);
  return (
    JSON.stringify(await partition(database)) === JSON.stringify(expected) && Object.keys(broken).length === 0
  );
}

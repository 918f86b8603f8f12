import type { ApiKeyRepository, KnownKey } from '../../src/access/api-key.repository.js';
import { KeyDirectory } from '../../src/access/key-directory.js';
import { DatabaseUnavailableError } from '../../src/database/session/unavailable.js';
import { OverloadedError } from '../../src/http/problems/problem.errors.js';

/** A directory whose queries are answered by hand: what each asked for, and how to end it. */
function directoryOf(): { directory: KeyDirectory; queries: Query[] } {
  const queries: Query[] = [];
  const load = (ids: readonly string[]): Promise<KnownKey[]> =>
    new Promise((answer, fail) => queries.push({ ids, answer, fail }));
  return { directory: new KeyDirectory({ load } as unknown as ApiKeyRepository), queries };
}

interface Query {
  readonly ids: readonly string[];
  readonly answer: (keys: KnownKey[]) => void;
  readonly fail: (reason: Error) => void;
}

function keyOf(id: string): KnownKey {
  return {
    id,
    name: 'crm',
    tenantId: 1,
    tenantName: 'default',
    hash: new Uint8Array(32),
    scopes: new Set(),
    callsPerMinute: null,
    expiresAt: Infinity,
    isRevoked: false,
  };
}

test('a flood of invented ids is one query at a time, and asks for each id once', async () => {
  const { directory, queries } = directoryOf();
  const first = directory.find('a');
  const rest = Array.from({ length: 100 }, async (_, i) => directory.find(`b${i % 10}`));
  expect(queries.map(({ ids }) => ids)).toEqual([['a']]);
  queries[0]!.answer([keyOf('a')]);
  expect(await first).toEqual(keyOf('a'));
  expect(queries[1]!.ids).toHaveLength(10);
  queries[1]!.answer([]);
  expect(new Set(await Promise.all(rest))).toEqual(new Set([null]));
});

test('a key that was found is kept, and one that was not found is asked for again', async () => {
  const { directory, queries } = directoryOf();
  const both = [directory.find('a'), directory.find('b')];
  queries[0]!.answer([keyOf('a')]);
  await both[0];
  queries[1]!.answer([]);
  await both[1];
  expect(directory.find('a')).toEqual(keyOf('a'));
  expect(directory.find('b')).toBeInstanceOf(Promise);
});

test('when a query fails nobody who waits has to wait for another one to fail', async () => {
  const { directory, queries } = directoryOf();
  const all = Array.from({ length: 2000 }, async (_, i) => directory.find(`a${i}`));
  const outcomes = Promise.allSettled(all);
  queries[0]!.fail(new DatabaseUnavailableError('the database is not reachable'));
  expect((await outcomes).filter(({ status }) => status === 'rejected')).toHaveLength(2000);
  expect(queries).toHaveLength(1);
  const next = directory.find('a');
  queries[1]!.answer([keyOf('a')]);
  expect(await next).toEqual(keyOf('a'));
});

test('no more than some thousands wait', () => {
  const { directory } = directoryOf();
  const ask = (): unknown => Array.from({ length: 10_000 }, (_, i) => directory.find(`a${i}`));
  expect(ask).toThrow(OverloadedError);
});

import { useDatabase, useReplicas } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { random, seedOf } from '../support/random.js';

/** Two processes on one database. */
const database = useDatabase();
const replicas = useReplicas(() => [{ DATABASE_URL: database.url }, { DATABASE_URL: database.url }]);

/** Numbers that are raced for at once, and how often. */
const AT_ONCE = 8;
const ROUNDS = 20;

const draw = random(seedOf('concurrent-phone-forms'));
const digits = (count: number): string =>
  Array.from({ length: count }, () => String(Math.floor(draw() * 10))).join('');

/** Both forms of a mobile number, in any order. */
function forms(): [string, string] {
  const [area, subscriber] = ['11', digits(7)];
  const [one, other] = [
    [`+5255${digits(1)}${subscriber}`, '1', 3],
    [`+54${area}2${subscriber}`, '9', 3],
    [`+55${area}8${subscriber}`, '9', 5],
  ].map(([shorter, digit, at]) => {
    const number = shorter as string;
    return [
      number,
      `${number.slice(0, at as number)}${digit as string}${number.slice(at as number)}`,
    ] as const;
  })[Math.floor(draw() * 3)]!;
  return draw() < 0.5 ? [one, other] : [other, one];
}

type Pair = readonly [string, string];

/** How the numbers are known before they are raced for; what happens to them meanwhile is returned. */
const BEFORE: Readonly<Record<string, (pair: Pair, n: number) => Promise<(() => Promise<unknown>) | null>>> =
  {
    'that nobody has': () => Promise.resolve(null),
    'that nobody has, and that have a rule in one form': async ([one], n) => {
      const identifiers = [
        { kind: 'phoneNumber', value: one },
        { kind: 'email', value: `nobody${n}@hillvalley.edu` },
      ];
      await replicas[0]!.client.send('POST', '/rules', { identifiers, reason: 'Keeps it reserved' });
      return null;
    },
    'that somebody loses': async ([one]) => {
      const { primaryContactId } = await replicas[1]!.client.identify({ phoneNumber: one });
      return () => replicas[1]!.client.delete(primaryContactId);
    },
  };

test.each(Object.keys(BEFORE))(
  'first calls with both forms of numbers %s end in one identity',
  async (name) => {
    let raced = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const pairs = Array.from({ length: AT_ONCE }, forms);
      const meanwhile = await Promise.all(pairs.map((pair, i) => BEFORE[name]!(pair, round * AT_ONCE + i)));
      await Promise.all([
        ...meanwhile.map((work) => work?.()),
        ...pairs.flatMap((pair, i) =>
          pair.map((phoneNumber, side) =>
            replicas[side]!.client.identify({
              phoneNumber,
              ...(i % 2 === 1 && { email: `${phoneNumber.slice(1)}@hillvalley.edu` }),
            }),
          ),
        ),
      ]);
      for (const pair of pairs) {
        const live = await database.query<{ root: string; phone_number: string }>(
          `select distinct coalesce(linked_id, id) as root from contact
         where deleted_at is null and phone_number in ('${pair[0]}', '${pair[1]}')`,
        );
        // Who is deleted last may have been the only one.
        expect([pair, live.length <= 1]).toEqual([pair, true]);
        raced += live.length;
      }
    }
    expect(raced).toBeGreaterThan((ROUNDS * AT_ONCE) / 2);
    // What was inserted for a moment is gone.
    const reserved = await database.query(
      `select * from identifier i where contact_id is null and not exists (
       select from do_not_link d where d.kind = i.kind and d.value = i.value)`,
    );
    expect(reserved).toEqual([]);
    expect(await violations(database)).toEqual({});
  },
);

import fc from 'fast-check';
import { useApp, useDatabase } from '../support/hooks.js';
import { violations } from '../support/invariants.js';
import { seedOf } from '../support/random.js';

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url, DEFAULT_PHONE_REGION: 'DE' }));

/** Text of every kind: plain, any code unit (lone surrogates, NUL), nearly an email, nearly a phone number. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.emailAddress(),
  fc.tuple(fc.string({ unit: 'grapheme' }), fc.string()).map(([local, domain]) => `${local}@${domain}.com`),
  fc.stringMatching(/^[+0]{0,3}[\d ()/.-]{0,24}$/),
);
const value = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.bigInt().map(Number),
  fc.constant(null),
  fc.constant(undefined),
  fc.boolean(),
  fc.jsonValue(),
);
const body = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      email: fc.option(fc.emailAddress()),
      phoneNumber: fc.option(fc.stringMatching(/^[+0]{0,2}[\d -]{1,15}$/)),
    }),
  },
  { weight: 6, arbitrary: fc.record({ email: value, phoneNumber: value }) },
  { weight: 1, arbitrary: fc.jsonValue() },
  {
    weight: 1,
    arbitrary: fc.dictionary(
      fc.constantFrom('email', 'phoneNumber', '__proto__', 'constructor', 'toString'),
      value,
    ),
  },
);

test('no body makes a server error, and what is answered contains what was sent in its one form', async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(body, async (sent) => {
      const { status, body: answer } = await app.client.send<{
        contact: { emails: string[]; phoneNumbers: string[] };
      }>('POST', '/identify', sent ?? null);
      expect([200, 400]).toContain(status);
      if (status === 200) {
        accepted++;
        const { emails, phoneNumbers } = answer.contact;
        for (const [field, known] of [
          ['email', emails],
          ['phoneNumber', phoneNumbers],
        ] as const) {
          const again =
            known.length === 0 ? null : await app.client.send('POST', '/identify', { [field]: known.at(-1) });
          expect(again === null || again.body).toEqual(again === null || answer);
        }
      }
    }),
    { numRuns: 1500, seed: seedOf('fuzz') },
  );
  expect(accepted).toBeGreaterThan(100);
  expect(await violations(database)).toEqual({});
}, 120_000);

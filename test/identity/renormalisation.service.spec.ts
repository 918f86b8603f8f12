import type { DecisionWriter } from '../../src/identity/decision-writer.js';
import { Blocklist } from '../../src/identity/domain/blocklist.js';
import type { Snapshot } from '../../src/identity/domain/contact.js';
import type { OldForm } from '../../src/identity/domain/old-form.js';
import type { Renormalisation } from '../../src/identity/domain/renormalise.js';
import { ContentionError } from '../../src/identity/identity.errors.js';
import { RenormalisationService } from '../../src/identity/renormalisation.service.js';
import type { BlockedValues } from '../../src/identity/store/blocked-values.js';
import type { PlainSelection } from '../../src/identity/store/snapshot-rows.js';
import { contact, identity, NOTHING_KNOWN } from './domain/fixtures.js';

const OLD_FORMS: OldForm[] = ['1', '2', '3', '4', '5'].map((i) => ({
  kind: 'phoneNumber',
  value: `017${i}`,
  to: `+4917${i}`,
}));

/** What a service does while others change the identity of one old form all the time, until they have lost it some times. */
function whileHeld(held: string, losses: number) {
  const written: string[][] = [];
  let lost = 0;
  const writeInTurn = (
    { sightings }: Extract<PlainSelection, { sightings: unknown }>,
    decide: (snapshot: Snapshot) => Renormalisation,
  ) => {
    const values = new Set(sightings.flatMap(({ identifiers }) => identifiers.map(({ value }) => value)));
    if (values.has(held) && lost++ < losses) {
      return Promise.reject(new ContentionError());
    }
    const olds = OLD_FORMS.map(({ value }) => value).filter((value) => values.has(value));
    written.push(olds);
    const identities = olds.map((value) => identity(contact(Number(value), null, value)));
    return Promise.resolve({ decision: decide({ ...NOTHING_KNOWN, identities }), changeId: 7 });
  };
  const service = new RenormalisationService(
    { writeInTurn } as unknown as DecisionWriter,
    {} as BlockedValues,
  );
  const run = {
    tenantId: 1,
    actor: 'cli',
    reason: 'A test',
    formOf: () => null,
    blocked: new Blocklist(),
    changeId: null as number | null,
  };
  return { done: service.renormalise(run, OLD_FORMS), written, run };
}

test('what others change all the time holds up nobody else: parts without it are written', async () => {
  const { done, written, run } = whileHeld('0172', 4);
  const { changed } = await done;
  expect(changed.map(({ value }) => value).toSorted()).toEqual(OLD_FORMS.map(({ value }) => value));
  expect(written.flat().toSorted()).toEqual(OLD_FORMS.map(({ value }) => value));
  expect(written[0]).toEqual(['0171']);
  expect(run.changeId).toBe(7);
});

test('if it never gets its turn, that is told', async () => {
  await expect(whileHeld('0172', Infinity).done).rejects.toThrow(ContentionError);
});

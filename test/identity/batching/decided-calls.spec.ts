import { NOTHING_DRAWN } from '../../../src/identity/decision-writer.js';
import type { IdentityView, Sighting } from '../../../src/identity/domain/contact.js';
import type { Call } from '../../../src/identity/batching/call.js';
import { DecidedCalls, type Contested } from '../../../src/identity/batching/decided-calls.js';
import { NOTHING_KNOWN, contact, identity, sighting as sightingWith } from '../domain/fixtures.js';

const GEORGE = identity(contact(1, 'george@hillvalley.edu', null));
const BIFF = identity(contact(2, 'biff@hillvalley.edu', null));
const STORED = { ...NOTHING_KNOWN, identities: [GEORGE, BIFF] };
const OF_GEORGE = sightingWith('george@hillvalley.edu', '1');
const OF_BIFF = sightingWith('biff@hillvalley.edu', '2');
const OF_NOBODY = sightingWith('doc@hillvalley.edu', null);
const KNOWN = sightingWith('george@hillvalley.edu', null);

class TestCall implements Call {
  isEnded = false;
  view: IdentityView | null = null;
  failure: unknown = null;

  constructor(readonly sighting: Sighting) {}

  answer(view: IdentityView): void {
    this.isEnded = true;
    this.view = view;
  }

  fail(reason: unknown): void {
    this.isEnded = true;
    this.failure = reason;
  }
}

function decided(...sightings: Sighting[]) {
  const calls = sightings.map((each) => new TestCall(each));
  return { calls, decision: DecidedCalls.on(calls, STORED) };
}

const told = (contested: readonly Contested<Call>[]) =>
  contested.map(({ call, primaryId }) => [call.sighting, primaryId]);
const ended = (calls: readonly Call[]) => calls.map(({ isEnded }) => isEnded);

test('to decide answers nobody', () => {
  expect(ended(decided(KNOWN, OF_BIFF).calls)).toEqual([false, false]);
});

test('a call without news is answered before the decision is written, the others after it', () => {
  const { calls, decision } = decided(KNOWN, OF_BIFF);
  decision.answerKnown();
  expect(ended(calls)).toEqual([true, false]);
  decision.answerAll({ ...NOTHING_DRAWN, freshIds: [7] });
  expect(calls.map(({ view }) => view)).toMatchObject([
    { primaryContactId: 1, secondaryContactIds: [] },
    { primaryContactId: 2, secondaryContactIds: [7] },
  ]);
});

test('a call that has ended is not decided on', () => {
  const calls = [new TestCall(OF_GEORGE), new TestCall(OF_BIFF)];
  calls[0]!.isEnded = true;
  expect(DecidedCalls.on(calls, STORED).writes.newcomers).toMatchObject([OF_BIFF]);
});

test('the calls that rest on a contested contact are contested, and the others are not', () => {
  const { decision } = decided(OF_GEORGE, OF_BIFF, OF_NOBODY);
  expect(told(decision.contestedBy([1]))).toEqual([[OF_GEORGE, 1]]);
});

test('a call that joins a contested identity is contested, and so is one that shares it only through that call', () => {
  const joining = sightingWith('biff@hillvalley.edu', '1');
  const { decision } = decided(OF_GEORGE, joining, OF_NOBODY);
  expect(told(decision.contestedBy([1]))).toEqual([
    [OF_GEORGE, 1],
    [joining, 1],
  ]);
});

test('if it is not known what is contested all are, each with the identity that it would be of', () => {
  const { decision } = decided(OF_GEORGE, OF_NOBODY);
  expect(told(decision.contestedBy([]))).toEqual([
    [OF_GEORGE, 1],
    [OF_NOBODY, -2],
  ]);
});

test('a call that was answered is not contested', () => {
  const { decision } = decided(KNOWN, OF_GEORGE);
  decision.answerKnown();
  expect(told(decision.contestedBy([1]))).toEqual([[OF_GEORGE, 1]]);
});

import type { Identity, IdentityView, Sighting } from '../../../src/identity/domain/contact.js';
import { OpenCalls, type Call, type Contested } from '../../../src/identity/batching/open-calls.js';

const GEORGE: Identity = identity(1, 'george@hillvalley.edu');
const BIFF: Identity = identity(2, 'biff@hillvalley.edu');
const OF_GEORGE: Sighting = { email: 'george@hillvalley.edu', phoneNumber: '1' };
const OF_BIFF: Sighting = { email: 'biff@hillvalley.edu', phoneNumber: '2' };
const OF_NOBODY: Sighting = { email: 'doc@hillvalley.edu', phoneNumber: null };

function identity(id: number, email: string): Identity {
  const row = { id, email, phoneNumber: null, createdAt: id, version: 1, isDeleted: false };
  return { primaryId: id, rows: [row] };
}

function decided(...sightings: Sighting[]) {
  const answered: IdentityView[] = [];
  const open = new OpenCalls(
    1,
    sightings.map((sighting) => ({ sighting, answer: (view: IdentityView) => void answered.push(view) })),
  );
  open.decide([GEORGE, BIFF]);
  return { open, answered, left: () => open.selection };
}

const told = (contested: readonly Contested<Call>[]) =>
  contested.map(({ call, primaryId }) => [call.sighting, primaryId]);

test('a call without news is answered when it is decided', () => {
  const { answered, left } = decided({ email: 'george@hillvalley.edu', phoneNumber: null }, OF_BIFF);
  expect(answered).toMatchObject([{ primaryContactId: 1 }]);
  expect(left()).toEqual({ tenantId: 1, sightings: [OF_BIFF] });
});

test('the calls that rest on a contested contact are taken out, and the others stay', () => {
  const { open, left } = decided(OF_GEORGE, OF_BIFF, OF_NOBODY);
  expect(told(open.takeContested([1]))).toEqual([[OF_GEORGE, 1]]);
  expect(left()).toEqual({ tenantId: 1, sightings: [OF_BIFF, OF_NOBODY] });
});

test('a call that joins a contested identity is taken out, and so is one that shares it only through that call', () => {
  const joining = { email: 'biff@hillvalley.edu', phoneNumber: '1' };
  const { open, left } = decided(OF_GEORGE, joining, OF_NOBODY);
  expect(told(open.takeContested([1]))).toEqual([
    [OF_GEORGE, 1],
    [joining, 1],
  ]);
  expect(left()).toEqual({ tenantId: 1, sightings: [OF_NOBODY] });
});

test('if it is not known what is contested all are taken out, each with the identity that it would be of', () => {
  const { open } = decided(OF_GEORGE, OF_NOBODY);
  expect(told(open.takeContested([]))).toEqual([
    [OF_GEORGE, 1],
    [OF_NOBODY, -2],
  ]);
  expect(open.isEmpty).toBe(true);
});

import type { Contact, Identifier, Snapshot } from '../../../src/identity/domain/contact.js';
import type { KnownEvidence, RecordedMerge } from '../../../src/identity/domain/explain.js';
import type { PastState, RecordedContact } from '../../../src/identity/domain/past.js';
import { STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { KnownRules } from '../../../src/identity/domain/rules.js';
import { lostIdentifiers, split, type Split } from '../../../src/identity/domain/split.js';
import { takeOut } from '../../../src/identity/domain/take-out.js';
import { undo } from '../../../src/identity/domain/undo.js';
import { NO_WRITES } from '../../../src/identity/domain/writes.js';
import {
  BIFF,
  contact,
  deepFreeze,
  GEORGE,
  identifiers,
  LORRAINE,
  MCFLY,
  moved,
  NOTHING_KNOWN,
  touched,
} from './fixtures.js';

const email = (value: string): Identifier => ({ kind: 'email', value });
const phone = (value: string): Identifier => ({ kind: 'phoneNumber', value });
const code = (value: string): Identifier => ({ kind: 'customerId', value });

/** A contact as it is recorded; unless told otherwise it attached to what it links to. */
function recorded(
  row: Contact,
  linkedId: number | null,
  rest: Partial<RecordedContact> = {},
): RecordedContact {
  return {
    ...row,
    linkedId,
    joinedId: linkedId,
    recordedAt: row.id,
    deletedAt: row.isDeleted ? 1_000 : null,
    isAssumed: false,
    ...rest,
  };
}

function merge(
  [leftId, rightId]: readonly [number, number],
  sighting: readonly Identifier[],
  rest: Partial<RecordedMerge> = {},
): RecordedMerge {
  return {
    id: 9,
    at: 100,
    survivorId: leftId,
    mergedId: rightId,
    leftId,
    rightId,
    cause: 'sighting',
    identifiers: sighting,
    isAssumed: false,
    changeId: null,
    undone: null,
    ...rest,
  };
}

function evidenceOf(
  contacts: readonly RecordedContact[],
  merges: readonly RecordedMerge[],
  rest: Partial<Snapshot> & { readonly past?: readonly PastState[] } = {},
): Snapshot & { readonly evidence: KnownEvidence } {
  const { past = [], identities = [], ...known } = rest;
  const primaryId = contacts[0]!.id;
  return deepFreeze({
    ...NOTHING_KNOWN,
    rules: new KnownRules(merges.flatMap((each) => each.identifiers)),
    ...known,
    identities: [{ primaryId, rows: contacts }, ...identities],
    evidence: { identities: [{ primaryId, contacts }], merges, past },
  });
}

/** Lorraine and George, whom a sighting of her email and his phone number made one. */
const LORRAINES = recorded(contact(1, LORRAINE, '1', { version: 4 }), null);
const GEORGES = recorded(contact(2, GEORGE, '2', { version: 3 }), 1, { joinedId: null });
const BOTH = identifiers(LORRAINE, '2');

/** With the rules about all identifiers: there are none. */
const ruleless = (
  contacts: readonly RecordedContact[],
  merges: readonly RecordedMerge[],
  rest: Partial<Snapshot> = {},
) => {
  const rules = new KnownRules([...contacts, ...merges].flatMap((each) => each.identifiers));
  return evidenceOf(contacts, merges, { rules, ...rest });
};

const apart = (
  contacts: readonly RecordedContact[],
  merges: readonly RecordedMerge[],
  ...leaving: Identifier[]
) => split(1, { contactIds: [], identifiers: leaving }, ruleless(contacts, merges)) as Split;

/** A row that keeps only its email. */
const stripped = (address: string) => ({ identifiers: identifiers(address, null), leavesPast: true });

const splitBoth = (contactIds: number[], leaving: Identifier[]) =>
  split(1, { contactIds, identifiers: leaving }, evidenceOf([LORRAINES, GEORGES], [merge([1, 2], BOTH)]));

describe('undoing a merge', () => {
  it('gives each side its primary, and lays a rule on what the sighting held together', () => {
    const { writes, primaryIds, isAssumed } = undo(
      9,
      evidenceOf([LORRAINES, GEORGES], [merge([1, 2], BOTH)]),
    );
    expect({ primaryIds, isAssumed }).toEqual({ primaryIds: [1, 2], isAssumed: false });
    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [touched(1, 4, null), moved(2, 3, null)],
      undoneMergeIds: [9],
      rules: [[email(LORRAINE), phone('2')]],
      ruledIds: [1, 2],
      youngestTouched: 2,
    });
  });

  it('asks for the rules of the identifiers, and makes none that is there', () => {
    const asking = evidenceOf([LORRAINES, GEORGES], [merge([1, 2], BOTH)], { rules: new KnownRules() });
    expect(undo(9, asking).writes.unknownRules).toEqual([email(LORRAINE)]);
    const rule = {
      id: 3,
      identifiers: [phone('2'), email(LORRAINE)] as const,
      createdAt: 1,
      actor: 'cli',
      reason: null,
    };
    const known = evidenceOf([LORRAINES, GEORGES], [merge([1, 2], BOTH)], {
      rules: new KnownRules(BOTH, [rule]),
    });
    expect(undo(9, known).writes.rules).toEqual([]);
  });

  it('makes no rule about identifiers that another identity has both of since', () => {
    const deleted = [LORRAINES, GEORGES].map((row) => ({ ...row, isDeleted: true, deletedAt: 500 }));
    const rest = [recorded(contact(3, BIFF, '1'), 1), recorded(contact(4, MCFLY, '7'), 1, { joinedId: 2 })];
    const stranger = { primaryId: 5, rows: [contact(5, LORRAINE, '2')] };
    const { writes } = undo(
      9,
      evidenceOf([...deleted, ...rest], [merge([1, 2], BOTH)], { identities: [stranger] }),
    );
    expect(writes).toMatchObject({ rules: [], ruledIds: [], undoneMergeIds: [9] });
  });

  it('touches the identity that has taken one of the identifiers since', () => {
    const freed = { ...LORRAINES, isDeleted: true, deletedAt: 500 };
    const heir = recorded(contact(3, BIFF, '1'), 1);
    const stranger = {
      primaryId: 5,
      rows: [contact(5, null, '5', { version: 8 }), contact(6, LORRAINE, '5')],
    };
    const { writes } = undo(
      9,
      evidenceOf([freed, GEORGES, heir], [merge([1, 2], BOTH)], { identities: [stranger] }),
    );
    expect(writes.rules).toEqual([[email(LORRAINE), phone('2')]]);
    expect(writes.touched.filter(({ id }) => id > 4)).toEqual([touched(5, 8, null), touched(6, 1, 5)]);
    expect(writes.ruledIds).toEqual([6, 2]);
  });

  it('makes the rule of the other form, if that is what somebody has taken since', () => {
    const [today, former] = ['+525512345678', '+5215512345678'];
    const freed = recorded(contact(1, LORRAINE, former, { isDeleted: true }), null);
    const heir = recorded(contact(3, LORRAINE, '1'), 1);
    const stranger = { primaryId: 5, rows: [contact(5, null, today, { version: 8 })] };
    const sighted = identifiers(GEORGE, former);
    const rules = new KnownRules([...sighted, phone(today)]);
    const rest = { identities: [stranger], rules };
    const { writes } = undo(9, evidenceOf([freed, GEORGES, heir], [merge([2, 1], sighted)], rest));
    expect(writes).toMatchObject({
      rules: [[email(GEORGE), phone(today)]],
      ruledIds: [2, 5],
      reservations: [],
    });
    expect(writes.touched).toContainEqual(touched(5, 8, null));
  });

  it('reserves an identifier that nobody has any more, and keeps one that is reserved', () => {
    const freed = { ...LORRAINES, isDeleted: true, deletedAt: 500 };
    const heir = recorded(contact(3, BIFF, '1'), 1);
    const of = (reserved: Identifier[]) =>
      undo(9, evidenceOf([freed, GEORGES, heir], [merge([1, 2], BOTH)], { reserved })).writes;
    expect(of([])).toMatchObject({ reservations: [email(LORRAINE)], keptReservations: [], ruledIds: [2] });
    expect(of([email(LORRAINE)])).toMatchObject({ reservations: [], keptReservations: [email(LORRAINE)] });
  });

  it('tells a side without live contacts by its oldest one, and shows no identity of it', () => {
    const deleted = { ...GEORGES, isDeleted: true, deletedAt: 500 };
    const { identities, primaryIds } = undo(9, evidenceOf([LORRAINES, deleted], [merge([1, 2], BOTH)]));
    expect(primaryIds).toEqual([1, 2]);
    expect(identities.map(({ primaryContactId }) => primaryContactId)).toEqual([1]);
  });

  describe('of a sighting out of the past', () => {
    const dated = { ...GEORGES, createdAt: 0 };
    const before = { contactId: 2, until: 100, linkedId: null, createdAt: 2, identifiers: [] };
    const contacts = [
      { ...dated, linkedId: null, joinedId: null },
      { ...LORRAINES, linkedId: 2, joinedId: null },
    ];

    it('gives the contact that it dated its date back', () => {
      const { writes, primaryIds } = undo(9, evidenceOf(contacts, [merge([1, 2], BOTH)], { past: [before] }));
      expect(primaryIds).toEqual([1, 2]);
      expect(writes.touched).toContainEqual(moved(2, 3, null, 2));
    });

    it('leaves it the date that something else has given it since', () => {
      const later = { ...before, until: 200, createdAt: 1 };
      const { writes } = undo(9, evidenceOf(contacts, [merge([1, 2], BOTH)], { past: [before, later] }));
      expect(writes.touched).toContainEqual(touched(2, 3, null));
    });

    it('leaves a date that the sighting can not have changed', () => {
      const { writes } = undo(
        9,
        evidenceOf(contacts, [merge([1, 2], identifiers(LORRAINE, '7'))], { past: [before] }),
      );
      expect(writes.touched).toContainEqual(touched(2, 3, null));
    });
  });

  it('says so if it rests on evidence that was worked out later, and records that', () => {
    const unknown = recorded(contact(3, GEORGE, '7'), 1, { joinedId: null });
    const { writes, isAssumed } = undo(9, evidenceOf([LORRAINES, GEORGES, unknown], [merge([1, 2], BOTH)]));
    expect(isAssumed).toBe(true);
    expect(writes.touched).toContainEqual({ ...moved(3, 1, 2), joined: { toId: 2, isAssumed: true } });
  });

  it('leaves a value that live contacts of both sides carry to the side of its holder', () => {
    const both = recorded(
      { ...contact(3, LORRAINE, '2'), identifiers: [code('C'), ...identifiers(LORRAINE, '2')] },
      1,
    );
    const { writes } = undo(9, evidenceOf([LORRAINES, GEORGES, both], [merge([1, 2], BOTH)]));
    expect(writes.touched).toContainEqual({
      ...touched(3, 1, 1),
      identifiers: [code('C'), email(LORRAINE)],
      leavesPast: true,
    });
    expect(writes.movedClaims).toEqual([]);
  });

  it('marks who holds a value with a rule, if a deleted contact that told so is on the other side', () => {
    const told = recorded(contact(3, BIFF, '9', { isDeleted: true, isRuled: true }), 1);
    const holder = recorded(contact(4, BIFF, '8'), 1, { joinedId: 2 });
    const { writes } = undo(9, evidenceOf([LORRAINES, GEORGES, told, holder], [merge([1, 2], BOTH)]));
    expect(writes.ruledIds).toEqual([1, 2, 4]);
  });
});

describe('splitting an identity', () => {
  it('moves contacts of which everything leaves, strips those of which some leaves', () => {
    const second = recorded(contact(2, GEORGE, '1', { version: 2 }), 1);
    const third = recorded(contact(3, GEORGE, null, { version: 2 }), 1, { joinedId: 2 });
    const { writes } = apart([LORRAINES, second, third], [], email(GEORGE));
    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [
        moved(1, 4, null),
        { ...touched(2, 2, 1), identifiers: [phone('1')], leavesPast: true },
        { ...moved(3, 2, null), joined: { toId: null, isAssumed: false } },
      ],
      movedClaims: [{ ...email(GEORGE), contactId: 3 }],
      rules: [[email(GEORGE), phone('1')]],
      ruledIds: [3, 1],
      youngestTouched: 3,
    });
  });

  it('makes a contact for each identifier that nobody takes along, joined because they were one', () => {
    const { writes } = apart(
      [LORRAINES, recorded(contact(2, GEORGE, '1'), 1)],
      [],
      email(LORRAINE),
      email(GEORGE),
    );
    expect(writes.newcomers).toEqual([
      { id: -1, identifiers: [email(LORRAINE)], linkedId: null, joinedId: null, isRuled: true },
      { id: -2, identifiers: [email(GEORGE)], linkedId: -1, joinedId: null, isRuled: true },
    ]);
    expect(writes.merges).toEqual([
      { survivorId: -1, mergedId: -2, leftId: -1, rightId: -2, cause: 'kept', identifiers: [] },
    ]);
  });

  it('sends a deleted contact along if none of its values stays, and leaves it as it is if one does', () => {
    const deleted = { isDeleted: true };
    const { writes } = apart(
      [
        LORRAINES,
        recorded(contact(2, GEORGE, '1', deleted), 1),
        recorded(contact(3, GEORGE, 'freed', deleted), 1, { joinedId: 2 }),
        recorded(contact(4, GEORGE, null), 1, { joinedId: 2 }),
      ],
      [],
      email(GEORGE),
    );
    expect(writes.touched.map(({ id, linkedId }) => [id, linkedId])).toEqual([
      [1, null],
      [3, 4],
      [4, null],
    ]);
    const joined = writes.touched.flatMap(({ id, joined: edge }) => (edge ? [[id, edge.toId]] : []));
    expect(joined).toEqual([
      [3, null],
      [4, 3],
    ]);
  });

  it('joins what falls apart by a value that both carry', () => {
    const { writes } = apart(
      [
        recorded(contact(1, LORRAINE, '1'), null),
        recorded(contact(2, GEORGE, '1'), 1),
        recorded(contact(3, GEORGE, '3'), 1, { joinedId: 2 }),
        recorded(contact(4, LORRAINE, '3'), 1, { joinedId: 3 }),
      ],
      [],
      phone('1'),
      phone('3'),
    );
    const joined = writes.touched.flatMap(({ id, joined: edge }) => (edge ? [[id, edge.toId]] : []));
    expect(joined).toEqual([
      [2, null],
      [4, 1],
    ]);
    expect(writes.merges.map(({ leftId, rightId, cause }) => [leftId, rightId, cause])).toEqual(
      [
        [-1, -2, 'kept'],
        [1, 2, 'kept'],
      ].toReversed(),
    );
  });

  it('undoes a merge whose sighting lies apart, also where its ends stay, and lays the rule on it', () => {
    const { writes } = apart(
      [LORRAINES, GEORGES, recorded(contact(3, null, '2'), 1, { joinedId: 2 })],
      [merge([1, 2], BOTH)],
      phone('2'),
    );
    expect(writes.undoneMergeIds).toEqual([9]);
    expect(writes.rules).toEqual([
      [phone('2'), email(GEORGE)],
      [phone('2'), email(LORRAINE)],
    ]);
    expect(writes.merges.map(({ leftId, rightId, cause }) => [leftId, rightId, cause])).toEqual([
      [1, 2, 'kept'],
    ]);
  });

  describe('of which deleted contacts have identifiers that no live one has', () => {
    const dead = { isDeleted: true };
    // Her email and his came with the number 1 both, and nobody has that any more.
    const contacts = [
      recorded(contact(1, LORRAINE, null), null),
      recorded(contact(2, LORRAINE, '1', dead), 1),
      recorded(contact(3, GEORGE, '1', dead), 1, { joinedId: 2 }),
      recorded(contact(4, GEORGE, '2'), 1, { joinedId: 3 }),
    ];
    const leaving = { contactIds: [4], identifiers: [] };
    const of = (rest: Partial<Snapshot> = {}) =>
      (split(1, leaving, ruleless(contacts, [], rest)) as Split).writes;

    it('makes a rule of one and what came with it, on the side of the oldest that has it', () => {
      expect(of()).toMatchObject({
        rules: [[email(GEORGE), phone('1')]],
        ruledIds: [4],
        reservations: [phone('1')],
        keptReservations: [],
      });
      expect(of({ reserved: [phone('1')] })).toMatchObject({
        reservations: [],
        keptReservations: [phone('1')],
      });
    });

    it('touches the identity that has taken one since', () => {
      const stranger = {
        primaryId: 8,
        rows: [contact(8, null, '5', { version: 6 }), contact(9, MCFLY, '1')],
      };
      const writes = of({ identities: [stranger] });
      expect(writes).toMatchObject({
        rules: [[email(GEORGE), phone('1')]],
        ruledIds: [4, 9],
        reservations: [],
      });
      expect(writes.touched.filter(({ id }) => id > 4)).toEqual([touched(8, 6, null), touched(9, 1, 8)]);
    });

    it('asks for the rules, and makes none that is there', () => {
      expect(of({ rules: new KnownRules() }).unknownRules).toEqual([email(GEORGE)]);
      const pair = [phone('1'), email(GEORGE)] as const;
      const rule = { id: 3, identifiers: pair, createdAt: 1, actor: 'cli', reason: null };
      expect(of({ rules: new KnownRules(pair, [rule]) }).rules).toEqual([]);
    });

    it('tells which these are', () => {
      const { evidence } = evidenceOf(contacts, []);
      expect(lostIdentifiers(1, leaving, evidence, STANDARD_KINDS)).toEqual([phone('1')]);
      expect(lostIdentifiers(1, { ...leaving, contactIds: [] }, evidence, STANDARD_KINDS)).toEqual([]);
      expect(lostIdentifiers(7, leaving, evidence, STANDARD_KINDS)).toEqual([]);
    });

    it('sends a contact of which nothing is left where the evidence joins it', () => {
      const gone = recorded(contact(5, BIFF, '9', dead), 1, { joinedId: null });
      const merged = merge([4, 5], identifiers(GEORGE, '9'));
      const { writes } = split(1, leaving, ruleless([...contacts, gone], [merged])) as Split;
      expect(writes.touched).toContainEqual(moved(5, 1, 4));
      expect(writes.undoneMergeIds).toEqual([]);
      expect(writes.rules).toEqual([[email(GEORGE), phone('1')]]);
    });
  });

  it('is refused, and says why, if nothing or everything would leave, or something is elsewhere', () => {
    expect(splitBoth([], [])).toEqual({ refused: 'nothing-leaves' });
    expect(splitBoth([1, 2], [])).toEqual({ refused: 'everything-leaves' });
    expect(splitBoth([2], [email(BIFF)])).toEqual({ refused: 'elsewhere', field: 'identifiers', at: 0 });
    expect(splitBoth([2, 4], [])).toEqual({ refused: 'elsewhere', field: 'contactIds', at: 1 });
  });
});

describe('taking a value out of an identity', () => {
  const ZEROS = '0000000000';
  const isZeros = ({ value }: Identifier): boolean => value === ZEROS;
  const strangers = [
    recorded(contact(1, LORRAINE, ZEROS, { version: 3 }), null),
    recorded(contact(2, GEORGE, ZEROS), 1),
    recorded(contact(3, BIFF, ZEROS), 1),
  ];
  const outOf = (contacts: RecordedContact[], merges: RecordedMerge[] = [], rest: Partial<Snapshot> = {}) =>
    takeOut(contacts[0]!.id, isZeros, evidenceOf(contacts, merges, rest));
  const joinedOf = ({ writes }: ReturnType<typeof outOf>) =>
    writes.touched.flatMap(({ id, joined: edge }) => (edge ? [[id, edge.toId]] : []));
  const primariesOf = ({ identities }: ReturnType<typeof outOf>) =>
    identities.map(({ primaryContactId, secondaryContactIds }) => [primaryContactId, ...secondaryContactIds]);

  it('gives each of the strangers that it made one an identity, and frees the value', () => {
    const { writes, contactIds } = outOf(strangers);
    expect(writes).toEqual({
      ...NO_WRITES,
      touched: [
        { ...touched(1, 3, null), ...stripped(LORRAINE) },
        { ...touched(2, 1, null), ...stripped(GEORGE), joined: { toId: null, isAssumed: false } },
        { ...touched(3, 1, null), ...stripped(BIFF), joined: { toId: null, isAssumed: false } },
      ],
      deletion: { contactIds: [], freedClaims: [phone(ZEROS)], reservedClaims: [] },
      youngestTouched: 3,
    });
    expect(contactIds).toEqual([1, 2, 3]);
  });

  it('changes nothing if no live contact carries it', () => {
    const gone = recorded(contact(2, null, ZEROS, { isDeleted: true }), 1);
    expect(outOf([LORRAINES, gone])).toEqual({ writes: NO_WRITES, identities: [], contactIds: [] });
  });

  it('deletes a contact that has nothing else, and leaves it the value', () => {
    const hub = recorded(contact(1, null, ZEROS, { version: 2 }), null);
    const outcome = outOf([hub, recorded(contact(2, GEORGE, ZEROS), 1)]);
    expect(outcome.writes.deletion).toEqual({
      contactIds: [1],
      freedClaims: [phone(ZEROS)],
      reservedClaims: [],
    });
    expect(outcome.writes.touched[0]).toEqual(moved(1, 2, null));
    expect(primariesOf(outcome)).toEqual([[2]]);
    expect(outcome.contactIds).toEqual([1, 2]);
  });

  it('touches a contact that it deletes also if nothing else of it changes', () => {
    const hub = recorded(contact(2, null, ZEROS), 1, { joinedId: null });
    const { writes } = outOf([LORRAINES, hub], [merge([1, 2], [], { cause: 'manual' })]);
    expect(writes.touched).toContainEqual(touched(2, 1, 1));
    expect(writes.undoneMergeIds).toEqual([]);
  });

  it('reserves it if it has a rule, and asks for its rules first', () => {
    const ruled = [{ ...strangers[0]!, isRuled: true }, strangers[1]!];
    expect(outOf(ruled).writes.unknownRules).toEqual([phone(ZEROS)]);
    const rule = {
      id: 3,
      identifiers: [phone(ZEROS), email(MCFLY)] as const,
      createdAt: 1,
      actor: 'cli',
      reason: null,
    };
    const { writes } = outOf(ruled, [], { rules: new KnownRules([phone(ZEROS)], [rule]) });
    expect(writes.deletion).toEqual({ contactIds: [], freedClaims: [], reservedClaims: [phone(ZEROS)] });
    expect(writes.unknownRules).toEqual([]);
  });

  it('undoes a merge whose sighting rests on it, and keeps one whose sighting does not', () => {
    const third = recorded(contact(3, null, '2'), 1, { joinedId: 2 });
    const zeros = merge([1, 2], identifiers(GEORGE, ZEROS));
    const kept = merge([1, 2], BOTH, { id: 10 });
    expect(outOf([strangers[0]!, GEORGES, third], [zeros]).writes.undoneMergeIds).toEqual([9]);
    expect(outOf([strangers[0]!, GEORGES, third], [kept]).writes.undoneMergeIds).toEqual([]);
  });

  it('keeps a merge of three kinds that two other values of its sighting would have made', () => {
    const sighted = [code('C'), email(GEORGE), phone(ZEROS)];
    const first = recorded({ ...contact(1, null, null), identifiers: [code('C')] }, null);
    const others = [
      recorded(contact(2, GEORGE, null), 1, { joinedId: null }),
      recorded(contact(3, BIFF, ZEROS), 1, { joinedId: null }),
    ];
    const outcome = outOf([first, ...others], [merge([1, 2], sighted, { id: 8 }), merge([1, 3], sighted)]);
    expect(outcome.writes.undoneMergeIds).toEqual([9]);
    expect(primariesOf(outcome)).toEqual([[1, 2], [3]]);
  });

  it('gives back the date that a merge which it undoes made earlier, of several merges the first', () => {
    const dated = { ...GEORGES, createdAt: 0, linkedId: null, joinedId: null };
    const other = { ...LORRAINES, identifiers: identifiers(LORRAINE, ZEROS), linkedId: 2, joinedId: null };
    const last = recorded(contact(3, BIFF, ZEROS), 2, { joinedId: 1 });
    const sighted = identifiers(GEORGE, ZEROS);
    const was = { contactId: 2, linkedId: null, identifiers: [] };
    const past = [
      { ...was, until: 100, createdAt: 9 },
      { ...was, until: 200, createdAt: 5 },
    ];
    const merges = [merge([2, 1], sighted), merge([2, 3], sighted, { id: 10, at: 200 })];
    const lone = (known: PastState[]) =>
      takeOut(2, isZeros, evidenceOf([dated, other, { ...last, joinedId: null }], merges, { past: known }))
        .writes.touched;
    expect(lone(past)).toContainEqual(moved(2, 3, null, 9));
    expect(lone([...past, { ...was, until: 300, createdAt: 4 }])).toContainEqual(moved(2, 3, null));
  });

  it('keeps contacts together that share another value, and joins them by it', () => {
    const dead = { isDeleted: true };
    const outcome = outOf([
      recorded(contact(1, LORRAINE, ZEROS, dead), null),
      recorded(contact(2, GEORGE, ZEROS, dead), 1),
      recorded(contact(3, LORRAINE, '7'), 1),
      recorded(contact(4, GEORGE, '7'), 1, { joinedId: 2 }),
      recorded(contact(5, BIFF, ZEROS), 1),
    ]);
    expect(primariesOf(outcome)).toEqual([[3, 4], [5]]);
    expect(joinedOf(outcome)).toEqual([
      [2, 4],
      [4, 3],
      [5, null],
    ]);
  });

  it('keeps what was attached without a shared value, because that was worked out', () => {
    const assumed = recorded(contact(2, GEORGE, '2'), 1, { isAssumed: true });
    const outcome = outOf([strangers[0]!, assumed, { ...strangers[2]!, joinedId: 1 }]);
    expect(primariesOf(outcome)).toEqual([[1, 2], [3]]);
  });
});

import {
  cursorAfter,
  cursorOf,
  isReadable,
  mended,
  rangesOf,
  skips,
  textOf,
  type Cursor,
  type Head,
} from '../../src/events/head.js';

const ONE = 'a'.repeat(12);
const TWO = 'b'.repeat(12);

const head = (changes: Partial<Head> = {}): Head => ({
  position: 100,
  trimmed: 0,
  epochs: [{ name: ONE, start: 0 }],
  origin: 'here',
  isPaused: false,
  ...changes,
});

const at = (epoch: string, position: number): Cursor => ({ epoch, position, skipped: [] });

describe('the text of a cursor', () => {
  test.each([
    [[], `${ONE}-7`],
    [[9], `${ONE}-7~9`],
    [[9, 10, 11, 14], `${ONE}-7~9-11.14`],
  ])('names the positions %j that an export knows, as ranges', (skipped, text) => {
    const cursor = { epoch: ONE, position: 7, skipped: rangesOf(skipped) };
    expect(textOf(cursor)).toBe(text);
    expect(cursorOf(text)).toEqual(cursor);
    expect([8, 9, 10, 11, 12, 13, 14, 15].filter((position) => skips(cursor, position))).toEqual(skipped);
  });

  test('that names a million positions is read as few ranges', () => {
    expect(cursorOf(`${ONE}-7~8-1000007`)?.skipped).toEqual([[8, 1_000_007]]);
    expect(cursorOf(`${ONE}-7~8-1000008`)).toBe(null);
  });

  test.each([
    '',
    'latest',
    ONE,
    `${ONE}-`,
    `${ONE}-7~`,
    `${ONE}-7~9-8`,
    `${ONE}-7~1-2-3`,
    `${ONE}-7~1-99999999`,
    'A-1',
  ])('%j is none', (text) => {
    expect(cursorOf(text)).toBe(null);
  });

  test('goes on without the skipped positions that are passed', () => {
    const skipped = [
      [4, 5],
      [8, 12],
      [14, 14],
    ] as const;
    expect(cursorAfter(head(), 10, skipped).skipped).toEqual([
      [11, 12],
      [14, 14],
    ]);
  });
});

describe('a cursor', () => {
  test('is readable from the last deleted event to the end', () => {
    const log = head({ trimmed: 40 });
    expect([39, 40, 100, 101].map((position) => isReadable(log, at(ONE, position)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test('of an epoch that nobody knows is not', () => {
    expect(isReadable(head(), at(TWO, 50))).toBe(false);
  });

  test('of an earlier epoch is, up to where the restored database went on', () => {
    const restored = mended(head({ position: 90 }), 'there', TWO);
    expect(restored).toEqual(
      head({
        position: 90,
        origin: 'there',
        epochs: [
          { name: ONE, start: 0 },
          { name: TWO, start: 90 },
        ],
      }),
    );
    const later = { ...restored, position: 100 };
    expect([85, 90, 91, 95].map((position) => isReadable(later, at(ONE, position)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(textOf(cursorAfter(later, 90))).toBe(`${ONE}-90`);
    expect(textOf(cursorAfter(later, 91))).toBe(`${TWO}-91`);
  });

  test('from before changes without events is not, whatever it has seen', () => {
    const resumed = mended(head({ isPaused: true }), 'here', TWO);
    expect(resumed).toMatchObject({ position: 101, trimmed: 101, isPaused: false });
    expect([99, 100].map((position) => isReadable(resumed, at(ONE, position)))).toEqual([false, false]);
    expect(isReadable(resumed, cursorAfter(resumed, 101))).toBe(true);
  });
});

test('a new log begins no other epoch when its place becomes known', () => {
  expect(mended(head({ origin: '', position: 0 }), 'here', TWO).epochs).toEqual([{ name: ONE, start: 0 }]);
});

test('the last 20 epochs are remembered', () => {
  const epochs = Array.from({ length: 20 }, (_, i) => ({ name: String(i), start: i }));
  const { epochs: left } = mended(head({ epochs }), 'there', TWO);
  expect([left.length, left[0], left.at(-1)]).toEqual([
    20,
    { name: '1', start: 1 },
    { name: TWO, start: 100 },
  ]);
});

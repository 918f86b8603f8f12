import { jest } from '@jest/globals';
import { Passed } from '../../src/events/passed.js';

let now = 0;

beforeEach(() => {
  now = 1_000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});

afterEach(() => {
  jest.restoreAllMocks();
});

test('a search begins after what was taken a minute ago, and no later', () => {
  const sut = new Passed();
  expect(sut.of(1)).toBe(0);
  sut.note(1, 40);
  now += 30_000;
  sut.note(1, 50);
  expect(sut.of(1)).toBe(0);
  now += 30_001;
  sut.note(1, 60);
  // 50 was taken half a minute ago
  expect(sut.of(1)).toBe(40);
  sut.note(1, 0);
  now += 60_001;
  sut.note(1, 0);
  expect(sut.of(1)).toBe(60);
  expect(sut.of(2)).toBe(0);
});

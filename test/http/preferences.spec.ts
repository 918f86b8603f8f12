import { prefersLeniency } from '../../src/http/preferences.js';

test.each([
  'handling=lenient',
  'Handling=Lenient',
  'HANDLING = "lenient"',
  String.raw`handling="\lenient"`,
  'handling=lenient;because="a, b"',
  '\thandling=lenient ; x',
  'return=minimal, handling=lenient',
  'respond-async,,wait=10, handling=lenient, handling=strict',
  'note="a, \\", handling=strict", handling=lenient',
  'wait="1" x; , handling=lenient',
])('%s asks for leniency', (prefer) => {
  expect(prefersLeniency(prefer)).toBe(true);
});

test.each([
  '',
  'lenient',
  'handling',
  'handling=',
  'handling=strict',
  'handling=strict, handling=lenient',
  'handling=lenient-ish',
  'handling=lenient strict',
  'error-handling=lenient',
  'return=minimal; handling=lenient',
  'note="x, handling=lenient"',
  'note="x, handling=lenient',
  'note="x, handling=lenient\\',
  '"handling"=lenient',
  'handling=lenient"',
])('%s does not', (prefer) => {
  expect(prefersLeniency(prefer)).toBe(false);
});

test.each(['"', '"\\', ' ', '=', 'a=', 'a ', '; ', ', ', '"",', 'a="'])(
  'a long header of %j takes no more time for each character than a short one',
  (piece) => {
    // 16 KiB is the most that the server takes: this would not end if the time grew faster than the length
    expect(prefersLeniency(piece.repeat(2_000_000))).toBe(false);
  },
);

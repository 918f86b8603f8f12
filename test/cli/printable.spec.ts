import { printable } from '../../src/cli/printable.js';

test.each([
  ['\u001B[31mred', '\\u001b[31mred'],
  ['\u009B31m', '\\u009b31m'],
  ['a\rb\u0007', 'a\\u000db\\u0007'],
  ['\u202Egnp.exe', '\\u202egnp.exe'],
  ['\uD800', '\\ud800'],
  ['\u{E0041}', '\\udb40\\udc41'],
])('%p can’t change the terminal', (text, expected) => {
  expect(printable(text)).toBe(expected);
});

test('letters of all languages and line breaks stay', () => {
  expect(printable('Jörg, Ελένη, 李, 😀\nnext')).toBe('Jörg, Ελένη, 李, 😀\nnext');
});

test('JSON stays the same JSON', () => {
  const value = { name: 'a\u001B\u009B\u202E\u{E0041}' };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});

import { printable } from '../../src/cli/output.js';

test.each([
  ['colours of a terminal', '\u001b[31mred', '\\u001b[31mred'],
  ['a control of eight bits', 'a\u009bb', 'a\\u009bb'],
  ['a return to the start of the line', 'safe\rgone', 'safe\\u000dgone'],
  ['a change of direction', 'abc\u202etxt', 'abc\\u202etxt'],
  ['a tag outside of the basic plane', '\u{e0041}', '\\udb40\\udc41'],
])('%s is written out and not obeyed', (_, text, printed) => {
  expect(printable(text)).toBe(printed);
});

test('letters, emoji and line breaks stay', () => {
  expect(printable('Zoë 😀\n  done\n')).toBe('Zoë 😀\n  done\n');
});

test('JSON stays the same JSON', () => {
  const value = { name: 'a\u009b\u202e\u{e0041}', other: '\n"' };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});

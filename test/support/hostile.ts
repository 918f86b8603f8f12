import fc from 'fast-check';

/** Text that was made to break something: NUL, lone surrogates, directions, names of the prototype, SQL, markup. */
export const hostileText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b@hillvalley.edu',
    '\ud800',
    '\udc00\ud800@hillvalley.edu',
    '\u202e@hillvalley.edu',
    '\ufeff123456',
    '__proto__',
    'constructor',
    `'; drop table contact; --`,
    '$1',
    '\\',
    '${7*7}',
    '%s%n',
    '../../etc/passwd',
    '<script>alert(1)</script>',
    '\r\nx-injected: 1',
    '١٢٣',
    '00',
    '+',
    'NaN',
    '1e400',
    'a'.repeat(255),
    `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(58)}.co`,
    '1'.repeat(16),
    '9'.repeat(150),
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
);

/** A JSON value of any kind, as text, so that it may be one that JavaScript can't write. */
export const hostileValue = fc.oneof(
  hostileText.map((text) => JSON.stringify(text)),
  fc.constantFrom(
    'null',
    'true',
    '[]',
    '{}',
    '{"__proto__":{"email":"a@b.co"}}',
    '{"toString":1}',
    '-0',
    '-1',
    '0.5',
    '1e400',
    '-1e400',
    '1e-400',
    '9007199254740993',
    '9'.repeat(400),
    '"\\ud800"',
    '"\\u0000"',
    `${'['.repeat(3000)}${']'.repeat(3000)}`,
    `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`,
  ),
  fc.jsonValue().map((value) => JSON.stringify(value)),
);

/** A body of any kind: JSON of another shape, broken JSON, bytes that are none, and too many of them. */
export const hostileJson = fc.oneof(
  hostileValue,
  hostileText,
  fc.constantFrom(
    '',
    '{',
    '}',
    '{"email":',
    '{"email"}',
    '[1,]',
    "{'a':1}",
    '\ufeff{}',
    '{}{}',
    'undefined',
    'NaN',
  ),
  fc.constant(`{"email":"${'x'.repeat(20_000)}@hillvalley.edu"}`),
);

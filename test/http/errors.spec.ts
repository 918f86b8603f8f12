import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { startApp, type RunningApp } from '../support/app.js';
import type { ServiceClient } from '../support/client.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let app: RunningApp;
let client: ServiceClient;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp({ DATABASE_URL: database.url });
  client = app.client;
});

afterAll(async () => {
  // None of all this may have been written, not even by half.
  const contacts = await database.query('select * from contact');
  await app.close();
  await database.drop();
  expect(contacts).toEqual([]);
});

/** A problem document with nothing that a caller could not rely on. */
function problem(status: number, slug: string, errors?: { field: string; message: string }[]): object {
  return {
    status,
    body: {
      type: `urn:problem:${slug}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      ...(errors && { errors }),
      requestId: expect.stringMatching(/^[\w.:-]{1,128}$/),
    },
  };
}

async function isProblem(
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
  expected: object,
): Promise<void> {
  const reply = await client.send<{ requestId: string }>(method, path, body, headers);
  expect(reply).toMatchObject(expected);
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(reply.headers.get('x-request-id')).toBe(reply.body.requestId);
}

const NOTHING = 'give email, phoneNumber, or both';
const NOTHING_GIVEN = [
  { field: 'email', message: NOTHING },
  { field: 'phoneNumber', message: NOTHING },
];
const BAD_PHONE = [
  {
    field: 'phoneNumber',
    message: 'phoneNumber must have 1 to 15 digits, and may start with + and a country code',
  },
];
const NO_PHONE = [{ field: 'phoneNumber', message: 'phoneNumber must be a string or an integer' }];
const BAD_EMAIL = [{ field: 'email', message: 'email must be a valid email address' }];

test.each([
  ['nothing', {}],
  ['nulls', { email: null, phoneNumber: null }],
  ['empty and blank', { email: '', phoneNumber: ' \t' }],
  ['other properties only', { mail: 'mcfly@hillvalley.edu', __proto__: null }],
])('nothing given is refused and names both fields: %s', async (_, body) => {
  await isProblem('POST', '/identify', body, {}, problem(400, 'invalid-request', NOTHING_GIVEN));
});

test.each([
  ['letters', '555-CALL-NOW'],
  ['sixteen digits', '1234567890123456'],
  ['a lone plus', '+'],
  ['two pluses', '++15550109999'],
  ['a plus in the middle', '1555+0109999'],
  ['a country code that starts with zero', '+0123456'],
  ['only separators', '---'],
  ['NUL', '123\u0000456'],
  ['a lone surrogate', '123\ud800'],
  ['letters', '1-800-FLOWERS'],
])('a phone number is refused: %s', async (_, phoneNumber) => {
  await isProblem('POST', '/identify', { phoneNumber }, {}, problem(400, 'invalid-request', BAD_PHONE));
});

test.each([
  ['a fraction', '1.5'],
  ['a negative number', '-5'],
  ['a boolean', 'true'],
  ['an object', '{"a":1}'],
  ['an array', '["123456"]'],
])('a phone number of another type is refused: %s', async (_, json) => {
  await isProblem(
    'POST',
    '/identify',
    `{"phoneNumber":${json}}`,
    {},
    problem(400, 'invalid-request', NO_PHONE),
  );
});

test.each(['12345678901234567890', '1e30', '1234567890123456'])(
  'an integer of more than 15 digits is refused: %s',
  async (json) => {
    await isProblem(
      'POST',
      '/identify',
      `{"phoneNumber":${json}}`,
      {},
      problem(400, 'invalid-request', BAD_PHONE),
    );
  },
);

test.each([
  ['no at sign', 'mcfly'],
  ['no domain', 'mcfly@'],
  ['two at signs', 'mc@fly@hillvalley.edu'],
  ['a space inside', 'mc fly@hillvalley.edu'],
  ['NUL', 'mcfly\u0000@hillvalley.edu'],
  ['a lone surrogate', 'mcfly\udc00@hillvalley.edu'],
  ['a display name', 'Marty <mcfly@hillvalley.edu>'],
])('an email is refused: %s', async (_, email) => {
  await isProblem(
    'POST',
    '/identify',
    { email, phoneNumber: '1' },
    {},
    problem(400, 'invalid-request', BAD_EMAIL),
  );
});

test('an email of more than 254 characters, and one that is no string, are refused', async () => {
  const email = `${'a'.repeat(60)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(20)}.edu`;
  await isProblem(
    'POST',
    '/identify',
    { email },
    {},
    problem(400, 'invalid-request', [{ field: 'email', message: 'email must have at most 254 characters' }]),
  );
  await isProblem(
    'POST',
    '/identify',
    { email: 7 },
    {},
    problem(400, 'invalid-request', [{ field: 'email', message: 'email must be a string' }]),
  );
});

test('every field at fault is named at once', async () => {
  await isProblem(
    'POST',
    '/identify',
    { email: 'x', phoneNumber: 'y' },
    {},
    problem(400, 'invalid-request', [...BAD_EMAIL, ...BAD_PHONE]),
  );
});

test.each(['', '[]', '"mcfly"', '7', 'null', 'true'])(
  'a body that is no object is refused: %s',
  async (body) => {
    await isProblem(
      'POST',
      '/identify',
      body,
      {},
      problem(400, 'invalid-request', [{ field: 'body', message: 'the body must be a JSON object' }]),
    );
  },
);

test.each(['{', '{"email":', '{"email":"a@b.co"}}', "{'email':1}"])(
  'malformed JSON is refused: %j',
  async (body) => {
    await isProblem('POST', '/identify', body, {}, problem(400, 'malformed-json'));
  },
);

test('a body that is not UTF-8 is refused', async () => {
  const latin1 = Buffer.from('{"email":"müller@hillvalley.edu"}', 'latin1');
  await isProblem('POST', '/identify', latin1, {}, problem(400, 'malformed-json'));
});

test('deep nesting is refused or ignored, and never breaks the service', async () => {
  const deep = '['.repeat(7000) + ']'.repeat(7000);
  await isProblem(
    'POST',
    '/identify',
    `{"email":${deep}}`,
    {},
    problem(400, 'invalid-request', [{ field: 'email', message: 'email must be a string' }]),
  );
  await isProblem(
    'POST',
    '/identify',
    `{"other":${deep}}`,
    {},
    problem(400, 'invalid-request', NOTHING_GIVEN),
  );
});

describe('a service that refuses unknown properties', () => {
  let strict: RunningApp;

  beforeAll(async () => {
    strict = await startApp({ DATABASE_URL: database.url, UNKNOWN_PROPERTIES: 'reject' });
  });

  afterAll(() => strict.close());

  it.each([
    ['phone', 'did you mean phoneNumber?'],
    ['phone_number', 'did you mean phoneNumber?'],
    ['PhoneNumber', 'did you mean phoneNumber?'],
    ['phoneNubmer', 'did you mean phoneNumber?'],
    ['mail', 'did you mean email?'],
    ['e-mail', 'did you mean email?'],
    ['emailAddress', 'did you mean email?'],
    ['tenantId', 'the request takes email, phoneNumber and identifiers'],
    ['', 'the request takes email, phoneNumber and identifiers'],
    ['__proto__', 'the request takes email, phoneNumber and identifiers'],
  ])('names the property and the nearest that it knows: %s', async (field, hint) => {
    const body = `{"email":"mcfly@hillvalley.edu","${field}":"123456"}`;
    const errors = [{ field, message: `"${field}" is not known; ${hint}` }];
    expect(await strict.client.send('POST', '/identify', body)).toMatchObject(
      problem(400, 'invalid-request', errors),
    );
  });

  it.each([
    ['contact_ids', 'contactIds'],
    ['contactsIds', 'contactIds'],
    ['contactID', 'contactId'],
  ])('names the most similar of several that are near: %s', async (field, meant) => {
    const body = { contactId: 1, contactIds: [1], reason: 'Two people', [field]: 1 };
    const errors = [{ field, message: `"${field}" is not known; did you mean ${meant}?` }];
    expect(await strict.client.send('POST', '/splits', body)).toMatchObject(
      problem(400, 'invalid-request', errors),
    );
  });

  it('names what is wrong with the other fields too', async () => {
    const { body } = await strict.client.send('POST', '/identify', { phone: '123456' });
    expect(body).toMatchObject({
      errors: [
        { field: 'phone', message: '"phone" is not known; did you mean phoneNumber?' },
        ...NOTHING_GIVEN,
      ],
    });
  });

  it('names ten at the most, and no more of a name than its beginning', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `${i}${'x'.repeat(200)}`);
    const { status, body } = await strict.client.send<{ errors: { field: string }[] }>(
      'POST',
      '/identify',
      Object.fromEntries([['phoneNumber', '?'], ...names.map((name) => [name, 1])]),
    );
    expect(status).toBe(400);
    expect(body.errors.map(({ field }) => field.length)).toEqual([
      ...Array.from({ length: 10 }, () => 100),
      11,
    ]);
  });
});

test('properties named after the prototype are ignored', async () => {
  await isProblem(
    'POST',
    '/identify',
    '{"__proto__":{"email":"mcfly@hillvalley.edu"},"constructor":{"prototype":{}}}',
    {},
    problem(400, 'invalid-request', NOTHING_GIVEN),
  );
});

test('a body of more than 16 KiB is refused, announced or not', async () => {
  const body = JSON.stringify({ email: 'mcfly@hillvalley.edu', pad: 'x'.repeat(20_000) });
  await isProblem('POST', '/identify', body, {}, problem(413, 'body-too-large'));
});

test.each([
  ['application/x-www-form-urlencoded', 'email=mcfly@hillvalley.edu'],
  ['text/plain', '{"email":"mcfly@hillvalley.edu"}'],
  ['multipart/form-data; boundary=x', '--x--'],
  ['application/json; charset=iso-8859-1', '{"email":"mcfly@hillvalley.edu"}'],
  ['nonsense', '{}'],
])('a content type other than JSON in UTF-8 is refused: %s', async (type, body) => {
  await isProblem(
    'POST',
    '/identify',
    body,
    { 'content-type': type },
    problem(415, 'unsupported-media-type'),
  );
});

test.each([
  ['POST', '/identify'],
  ['PUT', '/policy'],
  ['PATCH', '/webhooks/1'],
  ['DELETE', '/rules/1'],
])('a body that is encoded or of another charset is refused: %s %s', async (method, path) => {
  const encoding = { 'content-encoding': 'gzip' };
  await isProblem(method, path, gzipSync('{}'), encoding, problem(415, 'unsupported-content-encoding'));
  const charset = { 'content-type': 'application/json; charset=iso-8859-1' };
  await isProblem(method, path, '{}', charset, problem(415, 'unsupported-media-type'));
});

test('what headers tell of a body counts only if there is one', async () => {
  const headers = { 'content-encoding': 'gzip', 'content-type': 'application/json; charset=iso-8859-1' };
  await isProblem('DELETE', '/contacts/4711', undefined, headers, problem(404, 'contact-not-found'));
});

test('the answer to an encoded body says which encoding is taken', async () => {
  const body = gzipSync('{"email":"mcfly@hillvalley.edu"}');
  const reply = await client.send('POST', '/identify', body, { 'content-encoding': 'gzip' });
  expect(reply.headers.get('accept-encoding')).toBe('identity');
});

test.each(['0', '-1', '1.5', 'abc', '9007199254740992', '99999999999999999999', '0x1', '%20'])(
  'a contact id that is no positive integer is refused: %s',
  async (id) => {
    const errors = [{ field: 'id', message: 'id must be a whole number from 1 to 9007199254740991' }];
    await isProblem('GET', `/contacts/${id}`, undefined, {}, problem(400, 'invalid-request', errors));
    await isProblem('DELETE', `/contacts/${id}`, undefined, {}, problem(400, 'invalid-request', errors));
  },
);

test('an unknown contact is not found', async () => {
  await isProblem('GET', '/contacts/4711', undefined, {}, problem(404, 'contact-not-found'));
  await isProblem('DELETE', '/contacts/9007199254740991', undefined, {}, problem(404, 'contact-not-found'));
});

test.each([
  ['GET', '/identify'],
  ['GET', '/nowhere?email=mcfly@hillvalley.edu'],
  ['PUT', '/contacts/1'],
  ['POST', '/'],
  ['QUERY', '/identify'],
])('an unknown route is not found: %s %s', async (method, path) => {
  await isProblem(method, path, undefined, {}, problem(404, 'no-such-route'));
});

test('a path that is not valid or too long is refused', async () => {
  await isProblem('GET', '/contacts/%zz', undefined, {}, problem(400, 'malformed-request'));
  await isProblem('GET', `/contacts/${'1'.repeat(500)}`, undefined, {}, problem(414, 'uri-too-long'));
});

test('a deletion may announce JSON and send none, as many clients do', async () => {
  await isProblem(
    'DELETE',
    '/contacts/4711',
    '',
    { 'content-type': 'application/json' },
    problem(404, 'contact-not-found'),
  );
});

test.each([
  ['GET /health HTTP/1.1\r\n\r\n', 400, 'malformed-request'],
  ['GET /health HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n', 400, 'malformed-request'],
  ...['Authorization: Bearer x', 'X-API-Key: x', 'Content-Type: application/json'].map(
    (header): [string, number, string] => [
      `POST /identify HTTP/1.1\r\nHost: x\r\n${header}\r\nA: b\r\n${header.toLowerCase()}\r\nContent-Length: 0\r\n\r\n`,
      400,
      'malformed-request',
    ],
  ),
  [
    'POST /identify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    415,
    'unsupported-transfer-coding',
  ],
  ['GET /health HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n', 417, 'expectation-failed'],
  [
    `GET /health HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'request-header-fields-too-large',
  ],
])('what is refused before it is routed is a problem document too: %#', async (bytes, status, slug) => {
  const answer = await exchange(bytes);
  expect(answer).toMatch(
    new RegExp(`^HTTP/1\\.1 ${status} [^]*application/problem\\+json[^]*"type":"urn:problem:${slug}"`),
  );
  expect(answer).toMatch(/\r\nx-request-id: /i);
});

test('bytes that are no HTTP request get a problem document too', async () => {
  const answer = await exchange('NONSENSE\r\n\r\n');
  expect(answer).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n[^]*application\/problem\+json[^]*"type":"urn:problem:bad-request"/,
  );
});

test('the request id of the caller is taken over if it is decent, and replaced otherwise', async () => {
  const decent = await client.send('GET', '/nowhere', undefined, { 'x-request-id': 'order-17:a.b' });
  expect(decent.body).toMatchObject({ requestId: 'order-17:a.b' });
  const indecent = await client.send('GET', '/nowhere', undefined, {
    'x-request-id': 'mcfly@hillvalley.edu',
  });
  expect(indecent.body).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
});

/** Everything that the service writes on a connection on which these bytes were sent. */
function exchange(bytes: string): Promise<string> {
  const { hostname, port } = new URL(client.url);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received += chunk.toString();
      socket.end();
    });
    socket.on('close', () => resolve(received));
  });
}

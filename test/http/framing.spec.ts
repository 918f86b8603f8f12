import { useApp, useDatabase } from '../support/hooks.js';
import { exchange } from '../support/raw-socket.js';

// Where a proxy and the service disagree on where a request ends, a caller can put words into another's mouth.

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url, MAX_EVENT_LOOP_DELAY_MS: '0' }));

const SMUGGLED = 'DELETE /contacts/1 HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /identify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

test.each([
  [
    'both a length and chunks',
    `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}${SMUGGLED}`],
  ['a list of lengths', `${POST}Content-Length: 2, 2\r\n\r\n{}${SMUGGLED}`],
  ['a length with a sign', `${POST}Content-Length: +2\r\n\r\n{}${SMUGGLED}`],
  ['a hexadecimal length', `${POST}Content-Length: 0x2\r\n\r\n{}${SMUGGLED}`],
  ['chunks that are not last', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a space before the colon', `${POST}Content-Length : 2\r\n\r\n{}${SMUGGLED}`],
  ['a folded header', `${POST}X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}${SMUGGLED}`],
  ['lines that end with LF alone', `${POST.replaceAll('\r\n', '\n')}Content-Length: 2\n\n{}`],
  ['CR alone in a header', `${POST}X: a\rContent-Length: 90\r\nContent-Length: 2\r\n\r\n{}${SMUGGLED}`],
  ['NUL in a header', `${POST}X: a\0b\r\nContent-Length: 2\r\n\r\n{}${SMUGGLED}`],
  [
    'a chunk of a length that is none',
    `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  ['a length beyond all numbers', `${POST}Content-Length: 99999999999999999999\r\n\r\n{}${SMUGGLED}`],
  ['another version of HTTP', SMUGGLED.replace('1.1', '9.9')],
])('a request whose end is in doubt is refused, and nothing after it is read: %s', async (_, bytes) => {
  const answer = await exchange(app.client.url, bytes);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test('what follows a call on its connection, and is no request, is not answered in its place', async () => {
  const body = '{"phoneNumber":"1"}';
  const call = `${POST}Content-Length: ${body.length}\r\n\r\n${body}`;
  expect(await exchange(app.client.url, `${call}NONSENSE\r\n\r\n`)).not.toMatch(/^HTTP\/1\.1 4/);
});

test('HTTP/1.0 has no chunks: a request that brings some is refused, and nothing after it is read', async () => {
  const answer = await exchange(
    app.client.url,
    `${POST.replace('1.1', '1.0')}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test.each([
  'Authorization: Bearer idr_a\r\nAuthorization: Bearer idr_b',
  'X-API-Key: idr_a\r\nx-api-key: idr_a',
  'Content-Type: application/json\r\nContent-Type: text/plain',
])('a header that decides who asks or what is sent may come once: %j', async (headers) => {
  const answer = await exchange(app.client.url, `GET /contacts/1 HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*"type":"urn:problem:malformed-request"/);
});

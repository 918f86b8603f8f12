import fc, { type Arbitrary } from 'fast-check';
import { hostileJson, hostileText, hostileValue } from './hostile.js';
import type { OpenApiDocument, Operation, Schema } from './openapi.js';
import { valueOf } from './schema-values.js';
import type { RawCall } from './raw-call.js';

/** Few calls of these operations name what fits together. */
const WEIGHTS: Readonly<Record<string, number>> = {
  '/merges': 16,
  '/merges/{id}/undo': 32,
  '/splits': 56,
  '/reviews/{id}': 24,
  '/erasures': 24,
  '/subject-access': 16,
  '/changes': 24,
  '/keys/{id}': 4,
  '/keys/{id}/rotate': 4,
};
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH'];
const PATHS = [
  '/',
  '//identify',
  '/identify/',
  '/identify/..',
  '/./identify',
  '/IDENTIFY',
  '/identify%00',
  '/identify;a=b',
  '/%69dentify',
  '/contacts',
  '/contacts/',
  '/contacts/1/',
  '/contacts/1/2',
  '/contacts/../identify',
  '/contacts/%2e%2e/identify',
  '/docs/..%2f..%2fpackage.json',
  '/docs/%2e%2e/%2e%2e/package.json',
  '/health/live/..',
  'http://elsewhere/identify',
  '*',
];
const ODD_IDS =
  '% %zz %c0%ae %00 1%0a 0 -0 -1 +1 1.0 1.5 1e3 1e30 0x1 9007199254740993 99999999999999999999'.split(' ');
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-16',
  'application/json, application/json',
  'application/problem+json',
  'APPLICATION/JSON',
  'application/json; __proto__=1',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'text/',
  '/',
  '',
  '*/*',
];
const ODD_HEADERS: [string, string][] = [
  ['content-encoding', 'gzip'],
  ['content-encoding', 'identity, br'],
  ['accept', 'text/html'],
  ['accept', 'application/xml;q=1'],
  ['accept-version', '9'],
  ['origin', 'https://elsewhere.example'],
  ['x-http-method-override', 'DELETE'],
  ['x-forwarded-for', '127.0.0.1'],
  ['x-forwarded-host', 'elsewhere.example'],
  ['x-original-url', '/contacts/1'],
  ['if-none-match', '*'],
  ['if-modified-since', 'never'],
  ['range', 'bytes=0-'],
  ['range', 'bytes=9-1'],
  ['cookie', '__proto__=1; a=%zz'],
  ['upgrade', 'h2c'],
  ['upgrade', 'websocket'],
  ['expect', '100-continue'],
  ['x-request-id', 'a'.repeat(128)],
  ['x-request-id', '\u00ff <script>'],
  ['x-pad', 'x'.repeat(8000)],
  ['__proto__', 'x'],
  ['constructor', 'x'],
];

/**
 * Calls made from an OpenAPI document: of every operation what it asks for, and what it does not expect.
 *
 * @param keys values of `X-API-Key` that callers send, valid and not
 */
export function callsOf(document: OpenApiDocument, keys: readonly string[]): Arbitrary<RawCall> {
  const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
  );
  // Probes take nothing: all of them together are called as often as any other operation.
  const weighted = operations.map(({ path, verb, operation }) => ({
    weight: path.startsWith('/health') ? 2 : (WEIGHTS[path] ?? 8),
    arbitrary: callOf(document, path, verb.toUpperCase(), operation),
  }));
  const keyHeaders = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...keys).map((key) => [['x-api-key', key]] as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...keys).map((key) => [['authorization', `Bearer ${key}`]] as const),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...keys).map(
        (key) =>
          [
            ['authorization', key],
            ['x-api-key', key],
          ] as const,
      ),
    },
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: headerText.map((text) => [['authorization', `Bearer ${text}`]] as const) },
  );
  return fc
    .tuple(
      fc.oneof(...weighted),
      keyHeaders,
      fc.array(fc.constantFrom(...ODD_HEADERS), { maxLength: 2 }),
      fc.nat(4),
    )
    .map(([call, key, odd, luck]) => ({
      ...call,
      headers: [...call.headers, ...key, ...(luck === 0 ? odd : [])],
    }));
}

/** What a header may consist of: Node's client sends no other bytes. */
const headerText = fc
  .array(
    fc.integer({ min: 0x20, max: 0xff }).filter((byte) => byte !== 0x7f),
    { maxLength: 300 },
  )
  .map((bytes) => String.fromCharCode(...bytes));

function callOf(
  document: OpenApiDocument,
  path: string,
  method: string,
  operation: Operation,
): Arbitrary<RawCall> {
  const { schema } = Object.values(operation.requestBody?.content ?? {})[0] ?? {};
  const body = fc.oneof(
    { weight: 6, arbitrary: schema ? valueOf(document, schema).map(JSON.stringify) : fc.constant(null) },
    { weight: 3, arbitrary: schema ? distorted(document, schema) : hostileJson },
    { weight: 1, arbitrary: hostileJson },
  );
  return fc.record({
    method: mostly(fc.constant(method), fc.constantFrom(...METHODS)),
    path: mostly(pathOf(document, path, operation), fc.constantFrom(...PATHS)),
    headers: fc
      .tuple(mostly(fc.constant('application/json'), fc.constantFrom(...TYPES)), headersOf(operation))
      .map(([type, given]): [string, string][] => [['content-type', type], ...given]),
    body: body.map((text) => (text === null ? null : Buffer.from(text))),
  });
}

function mostly<T>(usual: Arbitrary<T>, other: Arbitrary<T>): Arbitrary<T> {
  return fc.oneof({ weight: 11, arbitrary: usual }, { weight: 1, arbitrary: other });
}

/** The path with its parameters, most queries that the operation takes, and now and then one that no operation takes. */
function pathOf(document: OpenApiDocument, path: string, { parameters = [] }: Operation): Arbitrary<string> {
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const ids = inPath.map(({ schema }) =>
    fc.oneof(
      // small ones exist
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 8 }).map(String) },
      { weight: 2, arbitrary: valueOf(document, schema).map(String) },
      { weight: 2, arbitrary: hostileText.map(encoded) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(...ODD_IDS),
      },
    ),
  );
  return fc
    .tuple(
      fc.tuple(...ids),
      mostly(
        queryOf(document, parameters),
        hostileText.map((text) => `?id=2&a[]=${encoded(text)}`),
      ),
    )
    .map(
      ([found, query]) =>
        inPath.reduce((filled, { name }, i) => filled.replace(`{${name}}`, () => found[i]!), path) + query,
    );
}

/** Each parameter of the query as its schema allows it, or absent, or as no schema allows it, or twice. */
function queryOf(
  document: OpenApiDocument,
  parameters: NonNullable<Operation['parameters']>,
): Arbitrary<string> {
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const values = inQuery.map(({ schema, required = false }) => {
    const allowed = valueOf(document, schema).map((value) => [String(value)]);
    return fc.oneof(
      { weight: 4, arbitrary: allowed },
      { weight: required ? 1 : 4, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: hostileText.map((text) => [text]) },
      { weight: 1, arbitrary: fc.constant(['1', '2']) },
    );
  });
  return fc.tuple(...values).map((given) => {
    const pairs = given.flatMap((each, i) => each.map((value) => `${inQuery[i]!.name}=${encoded(value)}`));
    return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  });
}

/** Each parameter in a header as its schema allows it, or absent, or anything that a header may be. */
function headersOf({ parameters = [] }: Operation): Arbitrary<[name: string, value: string][]> {
  const given = parameters
    .filter((parameter) => parameter.in === 'header')
    .map(({ name, schema }) => {
      // few, so that some are used again, and some hold
      const allowed =
        schema.pattern === undefined ? fc.constantFrom('*', '*', '"x"') : fc.constantFrom('1', '2', '3');
      return fc
        .oneof(
          { weight: 8, arbitrary: fc.constant([]) },
          { weight: 2, arbitrary: allowed.map((value) => [value]) },
          { weight: 1, arbitrary: headerText.map((value) => [value]) },
        )
        .map((values) => values.map((value): [string, string] => [name.toLowerCase(), value]));
    });
  return fc.tuple(...given).map((each) => each.flat());
}

/** Encoded for a path; surrogates, which have no encoding, as the bytes that they would be. */
function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ed%a0%80';
}

const ODD_FIELDS =
  'email phoneNumber identifiers contactIds reason force __proto__ constructor toString tenantId'.split(' ');

/** A body that a schema allows, with a field replaced, repeated or added. */
function distorted(document: OpenApiDocument, schema: Schema): Arbitrary<string> {
  return fc
    .tuple(valueOf(document, schema), fc.constantFrom(...ODD_FIELDS), hostileValue, fc.boolean())
    .map(([value, name, odd, isRepeated]) =>
      isRepeated
        ? JSON.stringify(value)
            .replace(/\}$/, `,${JSON.stringify(name)}:${odd}}`)
            .replace('{,', '{')
        : JSON.stringify(value)
            .replace('{', `{${JSON.stringify(name)}:${odd},`)
            .replace(',}', '}'),
    );
}

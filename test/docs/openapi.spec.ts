import { startApp } from '../support/app.js';
import { useApp, useDatabase } from '../support/hooks.js';

interface Operation {
  readonly summary?: string;
  readonly operationId: string;
  readonly tags?: string[];
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly required?: boolean;
    readonly schema: object;
  }[];
  readonly responses: Record<
    string,
    { description: string; content?: Record<string, { schema: { $ref?: string } }> }
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<
      string,
      { properties: Record<string, { description?: string; example?: unknown }> }
    >;
  };
}

const database = useDatabase();
const app = useApp(() => ({ DATABASE_URL: database.url }));
let document: Document;

beforeAll(async () => {
  document = (await app.client.send<Document>('GET', '/openapi.json')).body;
});

test('the document is OpenAPI 3.1 and lists every route with the statuses it answers', () => {
  expect(document.openapi).toBe('3.1.0');
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([method, { responses }]) => `${method} ${path}: ${Object.keys(responses).join(' ')}`,
    ),
  );
  expect(routes).toEqual([
    'post /identify: 200 400 413 415 422 503',
    'post /lookup: 200 400 413 415 503',
    'get /contacts/{id}: 200 400 404 503',
    'delete /contacts/{id}: 204 400 404 413 415 503',
    'get /contacts/{id}/evidence: 200 400 404 503',
    'get /contacts/{id}/history: 200 400 404 503',
    'get /merges: 200 400 404 503',
    'post /merges: 200 400 404 409 412 413 415 422 503',
    'get /identities: 200 400 503',
    'post /search: 200 400 413 415 503',
    'delete /identities/{contactId}: 204 400 404 409 413 415 422 503',
    'post /merges/{id}/undo: 200 400 404 409 412 413 415 422 503',
    'post /splits: 200 400 404 409 412 413 415 422 503',
    'post /rules: 200 201 400 409 412 413 415 422 503',
    'get /rules: 200 400 404 503',
    'delete /rules/{id}: 204 400 404 409 413 415 422 503',
    'get /reviews: 200 400 503',
    'post /reviews/{id}: 200 400 404 409 412 413 415 422 503',
    'post /erasures: 200 202 400 404 409 412 413 415 422 503',
    'get /erasures/{id}: 200 400 404 503',
    'post /subject-access: 200 400 404 413 415 503',
    'post /blocked-values: 200 201 400 409 412 413 415 422 503',
    'get /blocked-values: 200 400 503',
    'delete /blocked-values/{id}: 204 400 404 409 413 415 422 503',
    'get /policy: 200 503',
    'put /policy: 200 400 412 413 415 428 503',
    'get /changes: 200 400 503',
    'get /keys: 200 400 503',
    'post /keys: 201 400 409 413 415 422 503',
    'post /keys/{id}/rotate: 201 400 404 409 413 415 422 503',
    'delete /keys/{id}: 204 400 404 409 413 415 503',
    'get /events: 200 400 404 410 503',
    'post /webhooks: 201 400 409 413 415 503',
    'get /webhooks: 200 400 503',
    'get /webhooks/{id}: 200 400 404 503',
    'patch /webhooks/{id}: 200 400 404 413 415 503',
    'delete /webhooks/{id}: 204 400 404 413 415 503',
    'post /webhooks/{id}/rotate-secret: 200 400 404 413 415 503',
    'post /webhooks/{id}/test: 200 400 404 413 415 503',
    'get /webhooks/{id}/deliveries: 200 400 404 503',
    'post /webhooks/{id}/replay: 202 400 404 410 413 415 503',
    'get /health: 200',
    'get /health/live: 200',
    'get /health/ready: 200 503',
    'get /health/startup: 200 503',
  ]);
});

test('every operation has a summary and a tag, and every error is a problem document', () => {
  for (const operations of Object.values(document.paths)) {
    for (const { summary, tags, responses } of Object.values(operations)) {
      expect(summary).toBeTruthy();
      expect(tags).toHaveLength(1);
      if (tags![0] !== 'health') {
        const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400);
        expect(errors.map(([, { content }]) => content)).toEqual(
          errors.map(([status]) => ({
            'application/problem+json': {
              schema: { $ref: '#/components/schemas/Problem' },
              example: expect.objectContaining({
                status: Number(status),
                type: expect.stringMatching(/^urn:problem:/),
              }),
            },
          })),
        );
      }
    }
  }
});

test('every field has a description and an example', () => {
  const fields = Object.entries(document.components.schemas).flatMap(([name, { properties }]) =>
    Object.entries(properties).map(([field, { description, example, ...rest }]) => ({
      field: `${name}.${field}`,
      description,
      example,
      rest,
    })),
  );
  const undescribed = fields.filter(
    ({ description, example, rest }) =>
      !JSON.stringify(rest).includes('$ref') && (description === undefined || example === undefined),
  );
  expect(undescribed.map(({ field }) => field)).toEqual([]);
});

test('the request has an email, a phone number or identifiers, so that generated clients refuse {}', () => {
  expect(document.paths['/identify']).toMatchObject({
    post: {
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: {
              anyOf: [
                { $ref: '#/components/schemas/IdentifyByEmail' },
                { $ref: '#/components/schemas/IdentifyByPhoneNumber' },
                { $ref: '#/components/schemas/IdentifyByIdentifiers' },
              ],
            },
            examples: { both: { value: { email: expect.any(String), phoneNumber: expect.any(String) } } },
          },
        },
      },
    },
  });
  expect(document.components.schemas).toMatchObject({
    IdentifyByEmail: { required: ['email'], properties: { email: { type: 'string', minLength: 1 } } },
    IdentifyByPhoneNumber: {
      required: ['phoneNumber'],
      properties: { phoneNumber: { oneOf: [{ type: 'string', minLength: 1 }, { type: 'integer' }] } },
    },
    IdentifyByIdentifiers: {
      required: ['identifiers'],
      properties: { identifiers: { type: 'object', minProperties: 1 } },
    },
  });
});

test('no header that may be left out has an example, which Swagger UI would send with every try', () => {
  const headers = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.values(operations).flatMap(({ parameters = [] }) =>
      parameters
        .filter((each) => each.in === 'header' && each.required !== true)
        .map((each) => ({ path, ...each })),
    ),
  );
  expect(headers.length).toBeGreaterThan(10);
  expect(headers.filter((each) => 'example' in each || 'example' in each.schema)).toEqual([]);
});

test('every operation has a name that a generated client can use', () => {
  const names = Object.values(document.paths).flatMap((operations) =>
    Object.values(operations).map(({ operationId }) => operationId),
  );
  expect(names).toEqual([
    'identify',
    'lookUp',
    'getContact',
    'deleteContact',
    'getEvidence',
    'getHistory',
    'listMerges',
    'mergeIdentities',
    'listIdentities',
    'searchIdentities',
    'deleteIdentity',
    'undoMerge',
    'splitIdentity',
    'makeRule',
    'listRules',
    'deleteRule',
    'listReviews',
    'decideReview',
    'erase',
    'getErasure',
    'getSubjectData',
    'blockValue',
    'listBlockedValues',
    'deleteBlockedValue',
    'getPolicy',
    'replacePolicy',
    'listChanges',
    'listKeys',
    'createKey',
    'rotateKey',
    'revokeKey',
    'listEvents',
    'createWebhook',
    'listWebhooks',
    'getWebhook',
    'updateWebhook',
    'deleteWebhook',
    'rotateWebhookSecret',
    'testWebhook',
    'listDeliveries',
    'replayDeliveries',
    'getHealth',
    'getHealthLive',
    'getHealthReady',
    'getHealthStartup',
  ]);
});

test('the document of a service with keys explains them and their scopes, and calls no key a JWT', async () => {
  await using guarded = await startApp({ DATABASE_URL: database.url, AUTH_MODE: 'api-key' });
  const { body } = await guarded.client.send<{ info: { description: string }; components: object }>(
    'GET',
    '/openapi.json',
  );
  expect(body.info.description).toMatch(/\| `delete` \| `DELETE \/contacts\/\{id\}`, /);
  expect(body.components).toMatchObject({
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, apiKey: { name: 'X-API-Key' } },
  });
  expect(JSON.stringify(body)).not.toContain('JWT');
});

test('the document of a service that refuses unknown properties lists all there are', async () => {
  await using strict = await startApp({ DATABASE_URL: database.url, UNKNOWN_PROPERTIES: 'reject' });
  const { body } = await strict.client.send<Document>('GET', '/openapi.json');
  expect(body.components.schemas).toMatchObject({
    IdentifyByEmail: { additionalProperties: false },
    IdentifyByPhoneNumber: { additionalProperties: false },
    IdentifyByIdentifiers: { additionalProperties: false },
    MergeRequest: { additionalProperties: false },
    DeleteIdentityRequest: { additionalProperties: false },
    RuleRequest: { additionalProperties: false },
    GivenIdentifier: { additionalProperties: false },
    DeleteRuleRequest: { additionalProperties: false },
    PolicyRequest: { additionalProperties: false },
    GivenKind: { additionalProperties: false },
  });
});

test.each(['/docs', '/docs/swagger-ui-bundle.js', '/openapi.json', '/openapi.yaml'])(
  'a service without documentation does not serve it: %s',
  async (path) => {
    await using bare = await startApp({ DATABASE_URL: database.url, DOCS_ENABLED: 'false' });
    expect(await bare.client.send('GET', path)).toMatchObject({
      status: 404,
      body: { type: 'urn:problem:no-such-route' },
    });
  },
);

test('Swagger UI is served from the service itself, under the security headers', async () => {
  const page = await app.client.send<string>('GET', '/docs');
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    const reply = await app.client.send('GET', new URL(asset, `${app.client.url}/docs`).pathname);
    expect({ asset, status: reply.status }).toEqual({ asset, status: 200 });
  }
  expect(page.body).not.toMatch(/(src|href)="https?:/);
});

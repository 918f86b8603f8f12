import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { API_KEY_HEADER, BEARER } from '../access/access.js';
import { Settings } from '../config/settings.js';
import { VERSION } from '../config/version.js';
import { DeleteIdentityRequest } from '../identity/api/dto/delete-identity.request.js';
import { MergeRequest } from '../identity/api/dto/merge.request.js';
import { GivenKind, PolicyRequest } from '../identity/api/dto/policy.request.js';
import { SplitRequest } from '../identity/api/dto/split.request.js';
import { UndoRequest } from '../identity/api/dto/undo.request.js';
import { SIGHTINGS } from '../identity/api/dto/identify.request.js';
import { GivenIdentifier } from '../identity/api/dto/read-identifiers.js';
import { DeleteRuleRequest, RuleRequest } from '../identity/api/dto/rule.request.js';

const DESCRIPTION = `Links the emails and phone numbers that a customer gives at different times to one identity.

## Words
A **contact** is one stored row: identifiers that were given together once. An **identity** is one person: all contacts
that share identifiers. Its oldest contact is the **primary**, all others are **secondary** and link to it.

## How identifiers are compared
Every value is normalised before it is compared or stored, so that each has one form.

| given | stored |
|---|---|
| \` McFly@HillValley.EDU \` | \`mcfly@hillvalley.edu\` |
| \`m.c+fly@hillvalley.edu\` | the same: dots and tags may be another mailbox |
| \`+1 (555) 010-9999\` | \`+15550109999\` |
| \`0049 30 123456\` | \`+4930123456\` |
| \`123456\` | \`123456\`, or \`+…\` if the service has a default country where this number is valid |

Null, absent, empty and blank all mean "not given". At least one identifier must be given.

A tenant may declare further **kinds** of identifiers, such as customer numbers. Calls take them as
\`"identifiers": {"customerId": "C-1"}\`, beside \`email\` and \`phoneNumber\`, and answers have them likewise. The answers of a tenant that
has declared none have no \`identifiers\`.

## What a call of \`POST /identify\` changes
1. No identifier is known: a new primary contact.
2. All are known, in one identity: nothing.
3. One is known and one is new: a new secondary contact with both.
4. They are known in two identities: both are **merged**. The contact that was created first becomes the primary of all.

The answer is the whole identity after the change. The \`primaryContactId\` of a person changes when an identity with an
older contact is merged into it, and when its primary is deleted. \`GET /contacts/{id}\` finds the identity by the id of
any of its contacts. Deleting a contact never splits the rest of its identity.

## Repeating calls
Calls are safe to repeat, changes by hand with an \`Idempotency-Key\`. A repeated \`POST /identify\` changes nothing, and gives
the same answer or a later one; a repeated \`DELETE\` answers 404. After 503, or if no answer came, repeat the call; wait as many seconds as \`Retry-After\` says.

## Changing by hand
Changes of the scope \`curate\` take a \`reason\`, and are recorded with it and with the key that made them. With \`?dryRun=true\`
they write nothing and tell what would be; ids that are not drawn yet are null then. The \`ETag\` of that answer, sent as
\`If-Match\` with the call itself, makes exactly what was shown, or answers 412. With an \`Idempotency-Key\` a change is safe to
repeat, also after 503; without one, look at what became of it first.

## Following changes
Every change leaves events: \`GET /events\` tells all of them in one order, from a cursor on, and webhooks send them as they
happen. They name identities and contacts by their ids. Store the \`id\` of an event with what you do for it: it is the cursor
to go on from. After 410 start again with an export, which prints its cursor.

## Errors
Every error is a problem document (RFC 9457) of the media type \`application/problem+json\`. Its \`type\` names the kind of
problem and does not change; \`errors\` lists the fields at fault. Every answer has the id of its request in
\`X-Request-Id\`; send your own to find a call in the log of the service.`;

const ABOUT_KEYS = `

## Keys
Send an API key as \`Authorization: Bearer idr_…\` or as \`X-API-Key: idr_…\`. A key belongs to one tenant, and sees and
changes nothing of the others. It has scopes:

| scope | allows |
|---|---|
| \`identify\` | \`POST /identify\` |
| \`read\` | \`POST /lookup\`, \`POST /search\` and all calls with \`GET\` that are not named below |
| \`curate\` | \`POST /merges\`, \`POST /merges/{id}/undo\`, \`POST /splits\`, \`POST /rules\`, \`DELETE /rules/{id}\`, \`POST /reviews/{id}\`, \`POST /blocked-values\`, \`DELETE /blocked-values/{id}\` |
| \`delete\` | \`DELETE /contacts/{id}\`, \`DELETE /identities/{contactId}\` |
| \`erase\` | \`POST /erasures\`, \`GET /erasures/{id}\`, \`POST /subject-access\` |
| \`events\` | \`GET /events\` and all calls of \`/webhooks\` |
| \`admin\` | all of them, and \`PUT /policy\` |

A key may make a number of calls a minute. \`RateLimit\` says how many are left, and 429 that none is.`;

const ABOUT_UNKNOWN_PROPERTIES = {
  ignore: '\n\nProperties of a body that are not listed here are ignored.',
  reject: '\n\nA body with a property that is not listed here is refused with 400.',
};

/** The OpenAPI 3.1 document of the application. */
export function createOpenApiDocument(app: INestApplication): OpenAPIObject {
  const { authMode, unknownProperties } = app.get(Settings);
  const hasKeys = authMode !== 'none';
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Identity reconciliation')
    .setDescription(DESCRIPTION + ABOUT_UNKNOWN_PROPERTIES[unknownProperties] + (hasKeys ? ABOUT_KEYS : ''))
    .setVersion(VERSION)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/')
    .addTag('identity', 'Linking identifiers to identities')
    .addTag('contacts', 'Looking up and deleting contacts')
    .addTag('evidence', 'Why contacts are one person, and what happened to them')
    .addTag('changes', 'Changing identities by hand')
    .addTag('rules', 'Keeping identifiers apart')
    .addTag('blocked values', 'Keeping values from linking')
    .addTag('policy', 'How far identities may grow, and by which kinds of identifiers')
    .addTag('health', 'Probes for Kubernetes and load balancers')
    .addSecurity(BEARER, { type: 'http', scheme: 'bearer', description: 'An API key' })
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' }, API_KEY_HEADER)
    .build();
  const document = SwaggerModule.createDocument(app, config);
  if (unknownProperties === 'reject') {
    closeBody(document);
  }
  return hasKeys ? document : withoutKeys(document);
}

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

function closeBody({ components }: OpenAPIObject): void {
  const bodies = [
    ...SIGHTINGS,
    MergeRequest,
    UndoRequest,
    SplitRequest,
    DeleteIdentityRequest,
    RuleRequest,
    GivenIdentifier,
    DeleteRuleRequest,
    PolicyRequest,
    GivenKind,
  ];
  for (const { name } of bodies) {
    Object.assign(components!.schemas![name]!, { additionalProperties: false });
  }
}

/** Answers that only exist if callers use keys. */
const STATUSES_OF_KEYS = ['401', '403', '429'];

/** The document of a service without API keys. */
function withoutKeys(document: OpenAPIObject): OpenAPIObject {
  delete document.components?.securitySchemes;
  for (const operation of Object.values(document.paths).flatMap(
    (path) => Object.values(path) as Operation[],
  )) {
    delete operation.security;
    STATUSES_OF_KEYS.forEach((status) => delete operation.responses[status]);
  }
  return document;
}

import { cloudEventOf } from '../cloud-event.js';
import type { LoggedEvent } from '../event-log.js';
import type { Head } from '../head.js';
import type { SecretBox } from './secret-box.js';
import type { Message } from './sender.js';
import { signatureHeaders } from './signature.js';
import type { Endpoint } from './webhook-records.js';

/** The type of the event that a test call sends. */
const TEST_TYPE = 'webhook.test';

/**
 * The message about an event, signed for an endpoint. Its id is that of the event, so it is the same at every attempt and replay.
 *
 * @throws {SecretUnreadableError}
 */
export function messageAbout(
  box: SecretBox,
  tenantId: number,
  endpoint: Endpoint,
  head: Head,
  event: LoggedEvent,
): Message {
  const told = cloudEventOf(head, event);
  return signed(box, tenantId, endpoint, told.id, JSON.stringify(told));
}

/**
 * The message of a test call: an event that nothing happened for.
 *
 * @throws {SecretUnreadableError}
 */
export function testMessage(box: SecretBox, tenantId: number, endpoint: Endpoint, id: string): Message {
  const told = {
    specversion: '1.0',
    id,
    source: 'identity-reconciliation',
    type: TEST_TYPE,
    subject: `webhooks/${endpoint.id}`,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data: { webhookId: endpoint.id },
  };
  return signed(box, tenantId, endpoint, id, JSON.stringify(told));
}

function signed(
  box: SecretBox,
  tenantId: number,
  { id: webhookId, url, secret, previousSecret, previousSecretUntil, now }: Endpoint,
  id: string,
  body: string,
): Message {
  const isOverlap = previousSecret !== null && previousSecretUntil !== null && previousSecretUntil > now;
  const secrets = [secret, ...(isOverlap ? [previousSecret] : [])].map((each) =>
    box.open(tenantId, webhookId, each),
  );
  return { url, body, headers: signatureHeaders(id, Date.now(), body, secrets) };
}

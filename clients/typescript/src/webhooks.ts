import type { Event } from './generated/types.gen.js';

/** How far the time of a delivery may be from ours. */
const TOLERANCE_S = 300;

/** What a webhook is sent: an event of the feed, or that of a test call. */
export type WebhookEvent =
  | Event
  | { readonly id: string; readonly type: 'webhook.test'; readonly data: { readonly webhookId: number } };

/** A delivery is not from the service, is not whole, or is too old. Answer it with 400. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';
}

/**
 * Checks that a delivery is from the service, whole and fresh, as Standard Webhooks 1.0 says, and reads it.
 *
 * An event may arrive twice and out of order: its `id` tells a repetition, `sequence` and `data.version` what is older.
 *
 * @param secret that of the webhook; several during a change of it
 * @param headers of the request: `Headers`, or an object with names in lower case as Node has it
 * @param body exactly as it arrived, because the signature is over its bytes
 * @param now in ms since 1970
 * @throws {WebhookVerificationError}
 */
export async function verifyWebhook(
  secret: string | readonly string[],
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string | Uint8Array,
  now = Date.now(),
): Promise<WebhookEvent> {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    headers instanceof Headers ? headers.get(name) : headers[name],
  );
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') {
    throw new WebhookVerificationError('a header of the signature is missing');
  }
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE_S) {
    throw new WebhookVerificationError('the delivery is too old, or a clock is wrong');
  }
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const signed = new Uint8Array([...new TextEncoder().encode(`${id}.${timestamp}.`), ...bytes]);
  const candidates = signatures
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
    .map((each) => each.slice('v1,'.length));
  for (const each of typeof secret === 'string' ? [secret] : secret) {
    if (await isSigned(each, candidates, signed)) {
      return JSON.parse(new TextDecoder().decode(bytes)) as WebhookEvent;
    }
  }
  throw new WebhookVerificationError('no signature is right');
}

/** Whether one of the signatures is that of the secret. `verify` compares in constant time. */
async function isSigned(
  secret: string,
  signatures: readonly string[],
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const raw = bytesOf(secret.replace(/^whsec_/, ''));
  if (raw === null || raw.length === 0) {
    throw new TypeError('the secret of a webhook is whsec_ and base64');
  }
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', raw, algorithm, false, ['verify']);
  for (const signature of signatures) {
    const given = bytesOf(signature);
    if (given !== null && (await crypto.subtle.verify('HMAC', key, given, signed))) {
      return true;
    }
  }
  return false;
}

/** The bytes of base64; null: it is not base64. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

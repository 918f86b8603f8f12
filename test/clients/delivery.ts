import { Webhook } from 'standardwebhooks';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** A delivery as the library of Standard Webhooks signs it, and the secret that it is signed with, as environment variables. */
export function delivery(): { WEBHOOK_SECRET: string; HEADERS: string; BODY: string } {
  const body = JSON.stringify({ id: 'msg_1', type: 'identity.created', data: { primaryContactId: 1 } });
  const now = new Date();
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(SECRET).sign('msg_1', now, body),
  };
  return { WEBHOOK_SECRET: SECRET, HEADERS: JSON.stringify(headers), BODY: body };
}

import { Webhook } from 'standardwebhooks';
import { verifyWebhook } from '../../clients/typescript/src/index.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDVRn1FHIhW4c=';
const NOW = new Date(Date.UTC(2026, 10, 29, 12));
const BODY = '{"id":"msg_1","type":"identity.merged","data":{"primaryContactId":1,"name":"Émile"}}';

const headersOf = (secret = SECRET, at = NOW) => ({
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(at.getTime() / 1000),
  'webhook-signature': new Webhook(secret).sign('msg_1', at, BODY),
});
const verify = (headers: Record<string, string>, body: string | Uint8Array = BODY) =>
  verifyWebhook(SECRET, headers, body, NOW.getTime());

test('what the library of Standard Webhooks signs is read, as text, as bytes and with any kind of headers', async () => {
  const headers = headersOf();
  expect(await verify(headers)).toEqual(JSON.parse(BODY));
  expect(await verify(headers, new TextEncoder().encode(BODY))).toEqual(JSON.parse(BODY));
  expect(await verifyWebhook(SECRET, new Headers(headers), BODY, NOW.getTime())).toEqual(JSON.parse(BODY));
});

test('one right signature of several, and one right secret of several, suffice', async () => {
  const headers = headersOf();
  const twice = `v1a,AAAA v1,%%% ${headersOf(OTHER)['webhook-signature']} ${headers['webhook-signature']}`;
  expect(await verify({ ...headers, 'webhook-signature': twice })).toEqual(JSON.parse(BODY));
  expect(await verifyWebhook([OTHER, SECRET], headers, BODY, NOW.getTime())).toEqual(JSON.parse(BODY));
});

test.each([
  ['another body', headersOf(), `${BODY} `],
  ['another id', { ...headersOf(), 'webhook-id': 'msg_2' }, BODY],
  ['another time', { ...headersOf(), 'webhook-timestamp': String(NOW.getTime() / 1000 + 1) }, BODY],
  ['another secret', headersOf(OTHER), BODY],
  ['no signature', { ...headersOf(), 'webhook-signature': '' }, BODY],
  ['a signature that is not base64', { ...headersOf(), 'webhook-signature': 'v1,%' }, BODY],
  ['no header of the id', { ...headersOf(), 'webhook-id': undefined as never }, BODY],
  ['a time that is none', { ...headersOf(), 'webhook-timestamp': 'now' }, BODY],
  ['a delivery of six minutes ago', headersOf(SECRET, new Date(NOW.getTime() - 360_000)), BODY],
  ['a delivery of in six minutes', headersOf(SECRET, new Date(NOW.getTime() + 360_000)), BODY],
])('%s is refused', async (_, headers, body) => {
  await expect(verify(headers, body)).rejects.toMatchObject({ name: 'WebhookVerificationError' });
});

test('a secret that is none is a mistake of the receiver, not of the delivery', async () => {
  await expect(verifyWebhook('', headersOf(), BODY, NOW.getTime())).rejects.toThrow(TypeError);
});

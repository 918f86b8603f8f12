import { Webhook } from 'standardwebhooks';
import { makeSecret, signatureHeaders } from '../../../src/events/webhooks/signature.js';

const BODY = '{"type":"identity.merged","data":{"primaryContactId":1}}';

test('the library of Standard Webhooks verifies what is signed', () => {
  const secret = makeSecret();
  const headers = signatureHeaders('msg_1', Date.now(), BODY, [secret]);
  expect(new Webhook(secret).verify(BODY, headers)).toEqual(JSON.parse(BODY));
  expect(() => new Webhook(secret).verify(`${BODY} `, headers)).toThrow('No matching signature');
  expect(() => new Webhook(secret).verify(BODY, { ...headers, 'webhook-id': 'msg_2' })).toThrow(
    'No matching signature',
  );
  expect(() => new Webhook(makeSecret()).verify(BODY, headers)).toThrow('No matching signature');
});

test('while two secrets are in force, a receiver may know either', () => {
  const [fresh, previous] = [makeSecret(), makeSecret()];
  const headers = signatureHeaders('msg_1', Date.now(), BODY, [fresh, previous]);
  expect(headers['webhook-signature']!.split(' ')).toHaveLength(2);
  expect(new Webhook(fresh).verify(BODY, headers)).toEqual(JSON.parse(BODY));
  expect(new Webhook(previous).verify(BODY, headers)).toEqual(JSON.parse(BODY));
});

test('an old message is not taken for a new one', () => {
  const secret = makeSecret();
  const headers = signatureHeaders('msg_1', Date.now() - 6 * 60_000, BODY, [secret]);
  expect(() => new Webhook(secret).verify(BODY, headers)).toThrow('too old');
});

test('the signature is the one of the example of the specification’s library', () => {
  const headers = signatureHeaders(
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330_000,
    '{"test": 2432232314}',
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('a secret has the prefix and 32 random bytes', () => {
  const secrets = Array.from({ length: 100 }, makeSecret);
  expect(new Set(secrets).size).toBe(100);
  expect(secrets.every((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64').length === 32)).toBe(
    true,
  );
});

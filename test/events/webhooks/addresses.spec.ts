import { Settings } from '../../../src/config/settings.js';
import { judgeAddress } from '../../../src/events/webhooks/addresses.js';
import { readTarget } from '../../../src/events/webhooks/target.js';

const networks = (text: string) => new Settings({ WEBHOOK_ALLOWED_NETWORKS: text }).webhookAllowedNetworks;

const NOT_PUBLIC: readonly (readonly [kind: string, ...addresses: string[]])[] = [
  ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12:3456::1'],
  ['loopback', '127.0.0.1', '127.255.255.254', '::1'],
  ['unspecified', '0.0.0.0', '0.1.2.3', '::'],
  ['link-local, with the metadata of clouds', '169.254.169.254', 'fe80::1', 'fe80::1%eth0'],
  ['shared by carriers, benchmarks, documentation', '100.64.0.1', '198.18.0.1', '192.0.2.1', '2001:db8::1'],
  ['multicast, broadcast, reserved', '224.0.0.1', '255.255.255.255', '240.0.0.1', 'ff02::1', '192.0.0.8'],
  ['mapped', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '::ffff:0:10.0.0.1', '::10.0.0.1'],
  ['NAT64', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::8.8.8.8', '64:ff9b:1:a9fe:a9:fe00::'],
  ['tunnels', '2002:7f00:1::', '2002:808:808::1', '2001::1'],
  ['not assigned, site-local', '4000::1', 'fec0::1', '5f00::1', '100::1'],
  ['what is no address', 'hillvalley.edu', ''],
];

test.each(NOT_PUBLIC)('%s is refused', (_kind, ...addresses) => {
  expect(addresses.filter((address) => judgeAddress(address, []) !== 'refused')).toEqual([]);
});

test.each([
  '8.8.8.8',
  '172.32.0.1',
  '2606:4700::1111',
  '[2606:4700::1111]',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
])('%s is public', (address) => {
  expect(judgeAddress(address, [])).toBe('public');
});

test('an allowed network opens what lies in it, in every notation, and nothing else', () => {
  const allowed = networks('10.1.0.0/16, fd00:1::/32');
  const judged = [
    '10.1.2.3',
    '::ffff:10.1.2.3',
    '64:ff9b::10.1.2.3',
    'fd00:1::5',
    '10.2.0.1',
    '::1',
    '8.8.8.8',
  ];
  expect(judged.map((address) => judgeAddress(address, allowed))).toEqual([
    'allowed',
    'allowed',
    'allowed',
    'allowed',
    'refused',
    'refused',
    'public',
  ]);
});

test('a URL is kept in its normal form, on any port and with any name', () => {
  expect(readTarget('HTTPS://Hooks.HillValley.edu:8443/a b?c=d#e', [])).toEqual({
    url: 'https://hooks.hillvalley.edu:8443/a%20b?c=d',
  });
  expect(readTarget('https://[2606:4700::1111]/', [])).toEqual({ url: 'https://[2606:4700::1111]/' });
});

test.each([
  ['hillvalley.edu', 'must be a URL'],
  [`https://hillvalley.edu/${'a'.repeat(2_048)}`, 'must be a URL'],
  ['http://hillvalley.edu/', 'must begin with https://'],
  ['ftp://hillvalley.edu/', 'must begin with https://'],
  ['file:///etc/passwd', 'must be a URL'],
  ['https://doc@hillvalley.edu/', 'must not contain a user'],
  ['https://doc:brown@hillvalley.edu/', 'must not contain a user'],
  ['https://127.0.0.1/', 'not public'],
  ['https://2130706433/', 'not public'],
  ['https://0x7f.1/', 'not public'],
  ['https://0177.0.0.1/', 'not public'],
  ['https://127.1/', 'not public'],
  ['https://①②⑦.0.0.1/', 'not public'],
  ['https://169.254.169.254/latest/meta-data/', 'not public'],
  ['https://[::ffff:10.0.0.1]/', 'not public'],
  ['https://[64:ff9b::7f00:1]/', 'not public'],
  ['https://localhost/', 'not public'],
  ['https://a.localhost./', 'not public'],
])('%s is refused: %s', (url, why) => {
  expect(readTarget(url, [])).toEqual({ refused: expect.stringContaining(why) });
});

test('http is for allowed networks only; a name may turn out to be in one', () => {
  const allowed = networks('10.0.0.0/8');
  expect(readTarget('http://10.0.0.5:8080/x', allowed)).toEqual({ url: 'http://10.0.0.5:8080/x' });
  expect(readTarget('http://hooks.internal/', allowed)).toEqual({ url: 'http://hooks.internal/' });
  expect(readTarget('http://8.8.8.8/', allowed)).toEqual({ refused: 'must begin with https://' });
  expect(readTarget('http://192.168.0.1/', allowed)).toEqual({
    refused: expect.stringContaining('not public'),
  });
});

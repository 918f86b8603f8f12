import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Settings } from '../../../src/config/settings.js';
import { SecretBox } from '../../../src/events/webhooks/secret-box.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const [KEY, OTHER] = ['k'.repeat(32), 'o'.repeat(32)];

function boxOf(env: Readonly<Record<string, string>>): SecretBox {
  return new SecretBox(new Settings({ DATABASE_URL: 'postgres://db/identity', ...env }));
}

test('a secret is read back with its key, is not in what is stored, and never stored alike twice', () => {
  const box = boxOf({ WEBHOOK_KEY: KEY });
  const sealed = box.seal(1, 7, SECRET);
  expect(box.open(1, 7, sealed)).toBe(SECRET);
  expect(sealed.includes(SECRET.slice(6))).toBe(false);
  expect(box.seal(1, 7, SECRET)).not.toEqual(sealed);
});

test('a secret that was moved to another endpoint or tenant, or changed, is not read', () => {
  const box = boxOf({ WEBHOOK_KEY: KEY });
  const sealed = box.seal(1, 7, SECRET);
  const changed = Buffer.from(sealed);
  changed[sealed.length - 1]! ^= 1;
  for (const open of [
    () => box.open(1, 8, sealed),
    () => box.open(2, 7, sealed),
    () => box.open(1, 7, changed),
    () => box.open(1, 7, sealed.subarray(0, 20)),
    () => box.open(1, 7, Buffer.alloc(0)),
  ]) {
    expect(open).toThrow('is the key of the secret');
  }
});

test('after a rotation of the key, secrets of before are read until they are encrypted anew', () => {
  const sealed = boxOf({ WEBHOOK_KEY: KEY }).seal(1, 7, SECRET);
  const rotated = boxOf({ WEBHOOK_KEY: OTHER, WEBHOOK_KEY_PREVIOUS: KEY });
  expect(rotated.open(1, 7, sealed)).toBe(SECRET);
  expect(rotated.isCurrent(sealed)).toBe(false);
  expect(rotated.isCurrent(rotated.seal(1, 7, SECRET))).toBe(true);
  expect(() => boxOf({ WEBHOOK_KEY: OTHER }).open(1, 7, sealed)).toThrow('is the key of the secret');
});

test('on PostgreSQL there must be a key; the embedded database makes one that only its owner can read', () => {
  expect(() => boxOf({}).seal(1, 7, SECRET)).toThrow('WEBHOOK_KEY is not set');
  const dataDir = mkdtempSync(join(tmpdir(), 'webhook-key-'));
  try {
    const embedded = () => new SecretBox(new Settings({ DATA_DIR: dataDir }));
    const sealed = embedded().seal(1, 7, SECRET);
    expect(embedded().open(1, 7, sealed)).toBe(SECRET);
    expect(readdirSync(dataDir)).toEqual(['webhook.key']);
    expect(statSync(join(dataDir, 'webhook.key')).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

import { hash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 12;
const SECRET_BYTES = 32;
const FORM = /^idr_([a-z0-9]{12})_([\w-]{43})$/;

/** An API key as its holder has it: `idr_`, a public id, and a secret of 256 random bits. */
export interface ApiKeyText {
  readonly id: string;
  readonly secret: string;
}

/** Makes a new key. Its prefix and form let secret scanners recognise it. */
export function generateApiKey(): ApiKeyText {
  const id = Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join('');
  return { id, secret: randomBytes(SECRET_BYTES).toString('base64url') };
}

/** The key as its owner keeps it. */
export function formatApiKey({ id, secret }: ApiKeyText): string {
  return `idr_${id}_${secret}`;
}

/** The parts of a key, or null if the text is not a key. */
export function parseApiKey(text: string): ApiKeyText | null {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/**
 * What the database stores of a secret. A plain hash is enough: nobody can guess 256 random bits, and a slow password hash
 * would let anybody keep the service busy.
 */
export function hashSecret(secret: string): Buffer {
  // Through hex it takes a quarter of the time.
  return Buffer.from(hash('sha256', secret, 'hex'), 'hex');
}

/** Compares in a time that reveals nothing about the stored hash. */
export function isSecretOf(secret: string, stored: Uint8Array): boolean {
  const given = hashSecret(secret);
  return given.length === stored.length && timingSafeEqual(given, stored);
}

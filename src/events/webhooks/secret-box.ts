import { Injectable } from '@nestjs/common';
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { keyInFile } from '../../config/key-file.js';
import { Settings } from '../../config/settings.js';
import { SecretUnreadableError, WebhooksNotConfiguredError } from './webhook.errors.js';

/** In the folder of the embedded database, because nothing else may be kept when a container ends. */
const KEY_FILE = 'webhook.key';
const CIPHER = 'aes-256-gcm';
const FORMAT = 1;
const ID_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A key as AES takes it, and a few bytes that tell it from others. */
interface Key {
  readonly id: Buffer;
  readonly bytes: Buffer;
}

/**
 * Encrypts the signing secrets of webhooks for the database: whoever has only that can't sign.
 *
 * A box is the format, the id of the key, the nonce, the tag and the secret. It belongs to one endpoint: moved to another row, it
 * can't be opened.
 */
@Injectable()
export class SecretBox {
  private known: { readonly current: Key; readonly previous: Key | null } | null = null;

  constructor(private readonly settings: Settings) {}

  /**
   * Encrypts a secret with the current key.
   *
   * @throws {WebhooksNotConfiguredError} if there is no key
   */
  seal(tenantId: number, webhookId: number, secret: string): Buffer {
    const { id, bytes } = this.keys().current;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, bytes, iv).setAAD(placeOf(tenantId, webhookId));
    const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.of(FORMAT), id, iv, cipher.getAuthTag(), sealed]);
  }

  /**
   * Decrypts a secret, also one that was encrypted with the previous key.
   *
   * @throws {SecretUnreadableError} if neither key opens it
   * @throws {WebhooksNotConfiguredError} if there is no key
   */
  open(tenantId: number, webhookId: number, box: Buffer): string {
    const { current, previous } = this.keys();
    const key = [current, previous].find((each) => each?.id.equals(idIn(box)));
    if (key === undefined || key === null || box[0] !== FORMAT) {
      throw new SecretUnreadableError();
    }
    const ivAt = 1 + ID_BYTES;
    const tagAt = ivAt + IV_BYTES;
    const textAt = tagAt + TAG_BYTES;
    try {
      const decipher = createDecipheriv(CIPHER, key.bytes, box.subarray(ivAt, tagAt))
        .setAAD(placeOf(tenantId, webhookId))
        .setAuthTag(box.subarray(tagAt, textAt));
      return decipher.update(box.subarray(textAt), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw new SecretUnreadableError();
    }
  }

  /** Whether a box is encrypted with the current key. */
  isCurrent(box: Buffer): boolean {
    return this.keys().current.id.equals(idIn(box));
  }

  private keys(): NonNullable<typeof this.known> {
    if (this.known === null) {
      const { webhookKey, webhookKeyPrevious, databaseUrl, dataDir } = this.settings;
      if (webhookKey === null && databaseUrl !== null) {
        throw new WebhooksNotConfiguredError();
      }
      this.known = {
        current: keyOf(webhookKey ?? keyInFile(join(dataDir, KEY_FILE))),
        previous: webhookKeyPrevious && keyOf(webhookKeyPrevious),
      };
    }
    return this.known;
  }
}

function keyOf(secret: Buffer): Key {
  const bytes = Buffer.from(hkdfSync('sha256', secret, '', 'webhook secrets', 32));
  return { bytes, id: createHash('sha256').update(bytes).digest().subarray(0, ID_BYTES) };
}

function idIn(box: Buffer): Buffer {
  return box.subarray(1, 1 + ID_BYTES);
}

function placeOf(tenantId: number, webhookId: number): Buffer {
  return Buffer.from(`${tenantId}/${webhookId}`);
}

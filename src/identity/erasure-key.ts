import { Injectable } from '@nestjs/common';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { keyInFile } from '../config/key-file.js';
import { Settings } from '../config/settings.js';
import type { Identifier } from './domain/contact.js';
import { formerForms } from './domain/former-forms.js';
import { ErasureNotConfiguredError } from './identity.errors.js';

/** In the folder of the embedded database, because nothing else may be kept when a container ends. */
const KEY_FILE = 'erasure.key';

/**
 * The key of the hashes that erasures leave. It is not in the database: whoever has only that can't find out what was erased by
 * trying all phone numbers.
 */
@Injectable()
export class ErasureKey {
  private key: Buffer | null = null;

  constructor(private readonly settings: Settings) {}

  /** Whether there is a key, or one can be made. */
  get isConfigured(): boolean {
    return this.settings.erasureKey !== null || this.settings.databaseUrl === null;
  }

  /**
   * The hash of an identifier as hexadecimal text: the same in every tenant and on every replica with the same key.
   *
   * @throws {ErasureNotConfiguredError} if there is no key
   */
  hashOf({ kind, value }: Identifier): string {
    return this.sign(JSON.stringify([kind, value]));
  }

  /**
   * The hashes by which it is found whether an identifier was erased: its own, and those of the forms that it may have had then; see
   * {@link formerForms}.
   *
   * @throws {ErasureNotConfiguredError} if there is no key
   */
  hashesOf(identifier: Identifier): string[] {
    return [identifier, ...formerForms(identifier, this.settings)].map((each) => this.hashOf(each));
  }

  /** A hash that tells the key from others: every tenant that erased something has it among its tombstones. */
  get ownHash(): string {
    return this.sign('the key itself');
  }

  /**
   * The keyed hash of any text, as hexadecimal text.
   *
   * @throws {ErasureNotConfiguredError} if there is no key
   */
  sign(text: string): string {
    this.key ??= this.settings.erasureKey ?? this.ownKey();
    return createHmac('sha256', this.key).update(text).digest('hex');
  }

  /** The key of the embedded database. */
  private ownKey(): Buffer {
    if (!this.isConfigured) {
      throw new ErasureNotConfiguredError();
    }
    return keyInFile(join(this.settings.dataDir, KEY_FILE));
  }
}

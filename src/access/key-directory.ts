import { InjectRepository } from '@mikro-orm/nestjs';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { OverloadedError } from '../http/problems/problem.errors.js';
import { ApiKeyRepository, type KnownKey } from './api-key.repository.js';
import { ApiKey } from './entities/api-key.js';

/** A change of a key, such as its revocation, reaches every replica within this time. */
const KEY_CACHE_MS = 5_000;
const MAX_KEPT = 20_000;
/** Ids per query, and callers that may wait for one. A flood of invented ids must not fill the memory. */
const MAX_ASKED = 500;
const MAX_WAITING = 5_000;
const RECORD_USE_MS = 60_000;

interface Waiting {
  readonly id: string;
  readonly answer: (key: KnownKey | null) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * The keys that were used recently.
 *
 * Other ids are looked up together, one query at a time, so that a flood of invented ids uses only one connection. An
 * unknown id is not remembered, so a new key works at once.
 */
@Injectable()
export class KeyDirectory implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly kept = new LRUCache<string, KnownKey>({ max: MAX_KEPT, ttl: KEY_CACHE_MS });
  private waiting: Waiting[] = [];
  private isAsking = false;
  /** Since the last note in the database. */
  private readonly used = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(@InjectRepository(ApiKey) private readonly keys: ApiKeyRepository) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.recordUse(), RECORD_USE_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer ?? undefined);
    await this.recordUse();
  }

  /**
   * The key with an id, null if there is none. Immediate if the key was used recently.
   *
   * @throws {DatabaseUnavailableError} if the key must be looked up and the database can't answer
   * @throws {OverloadedError} if too many keys are being looked up
   */
  find(id: string): KnownKey | null | Promise<KnownKey | null> {
    return this.kept.get(id) ?? this.ask(id);
  }

  /** Notes that a key was used. This is written once a minute, not with every call. */
  noteUse(id: string): void {
    this.used.add(id);
  }

  private ask(id: string): Promise<KnownKey | null> {
    if (this.waiting.length >= MAX_WAITING) {
      throw new OverloadedError('too many API keys are being looked up');
    }
    return new Promise((answer, fail) => {
      this.waiting.push({ id, answer, fail });
      if (!this.isAsking) {
        void this.askForAll();
      }
    });
  }

  private async askForAll(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MAX_ASKED);
      try {
        const found = new Map(
          (await this.keys.load([...new Set(batch.map(({ id }) => id))])).map((key) => [key.id, key]),
        );
        found.forEach((key, id) => this.kept.set(id, key));
        batch.forEach(({ id, answer }) => answer(found.get(id) ?? null));
      } catch (error) {
        // Callers that arrived in the meantime would only wait for the same failure, one query after the other.
        [...batch, ...this.waiting.splice(0)].forEach(({ fail }) => fail(error));
      }
    }
    this.isAsking = false;
  }

  private async recordUse(): Promise<void> {
    const ids = [...this.used];
    this.used.clear();
    if (ids.length === 0) {
      return;
    }
    try {
      await this.keys.recordUse(ids);
    } catch {
      ids.forEach((id) => this.used.add(id));
      new Logger('Auth').debug('Could not note the last use of keys; trying again in a minute');
    }
  }
}

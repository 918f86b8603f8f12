import { InjectRepository } from '@mikro-orm/nestjs';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { ApiKeyRepository, type KnownKey } from './api-key.repository.js';
import { BatchedLookUp } from './batched-look-up.js';
import { ApiKey } from './entities/api-key.js';

const RECORD_USE_MS = 60_000;

/** The keys that were used recently. A change of a key, such as its revocation, reaches every replica within five seconds. */
@Injectable()
export class KeyDirectory implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly known: BatchedLookUp<KnownKey>;
  /** Since the last note in the database. */
  private readonly used = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(@InjectRepository(ApiKey) private readonly keys: ApiKeyRepository) {
    this.known = new BatchedLookUp((ids) => keys.load(ids), 'API keys');
  }

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
    return this.known.find(id);
  }

  /** Looks a key up again the next time, because it was changed. Other replicas do so within five seconds. */
  forget(id: string): void {
    this.known.forget(id);
  }

  /** Notes that a key was used. This is written once a minute, not with every call. */
  noteUse(id: string): void {
    this.used.add(id);
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

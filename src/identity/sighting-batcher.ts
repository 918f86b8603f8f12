import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { IdentityView, Sighting } from './domain/contact.js';
import { ReconciliationService, type Call } from './reconciliation.service.js';

interface Waiting extends Call {
  readonly fail: (reason: unknown) => void;
}

/**
 * Natural batching: while batches are under way, arriving sightings wait, and the next batch takes all that wait.
 *
 * There is no timer. An idle service handles a sighting at once; a busy one shares a transaction among many, and
 * sightings of one hot identity meet in one batch, where in transactions of their own they would fight over its rows.
 */
@Injectable()
export class SightingBatcher {
  /** By tenant, in order of arrival; a batch never mixes tenants. */
  private readonly queues = new Map<number, Waiting[]>();
  private busyLanes = 0;

  constructor(
    private readonly reconciliation: ReconciliationService,
    private readonly settings: Settings,
  ) {}

  /**
   * Reconciles a sighting together with those that arrive at the same time.
   *
   * @throws whatever made the batch fail; the sighting may be sent again
   */
  identify(tenantId: number, sighting: Sighting): Promise<IdentityView> {
    return new Promise((answer, fail) => {
      const queue = this.queues.get(tenantId) ?? [];
      queue.push({ sighting, answer, fail });
      this.queues.set(tenantId, queue);
      this.fillLanes();
    });
  }

  private fillLanes(): void {
    for (const [tenantId, queue] of this.queues) {
      if (this.busyLanes >= this.settings.batchLanes) {
        return;
      }
      // Taken out and, if more wait, put back last: tenants take turns.
      this.queues.delete(tenantId);
      const batch = queue.splice(0, this.settings.batchMax);
      if (queue.length > 0) {
        this.queues.set(tenantId, queue);
      }
      this.busyLanes++;
      void this.run(tenantId, batch);
    }
  }

  private async run(tenantId: number, batch: readonly Waiting[]): Promise<void> {
    try {
      await this.reconciliation.identify(tenantId, batch);
    } catch (error) {
      // Calls that were answered before the failure stay answered: a settled promise ignores what comes later.
      batch.forEach(({ fail }) => fail(error));
    } finally {
      this.busyLanes--;
      this.fillLanes();
    }
  }
}

import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { retryUnavailable } from '../database/session/unavailable.js';
import { OverloadedError } from '../http/problems/problem.errors.js';
import { MAX_WAIT_MS } from './batching/call.js';
import { ChangeWriter, type ChangeCall } from './change-writer.js';
import { DecisionWriter } from './decision-writer.js';
import { isGlob, matcherOf, type Pattern } from './domain/blocklist.js';
import type { IdentityView, Snapshot } from './domain/contact.js';
import { takeOut, type TakeOut } from './domain/take-out.js';
import { isNothing, NO_WRITES } from './domain/writes.js';
import { BlockedMeanwhileError, NotFoundError, ContentionError } from './identity.errors.js';
import { loggable } from '../telemetry/logging/loggable.js';
import { Limit } from './limit.js';
import { PolicyDirectory } from './policy-directory.js';
import type { Page } from './reading.service.js';
import { BlockedValues, type Carried, type StoredBlocked } from './store/blocked-values.js';

/** A replica may know the old policy for 5 s, and a decision that rests on it may take as long until it is written. */
export const IN_FORCE_AFTER_MS = 10_000;
/** How often an identity that other calls change is tried, each time for seconds. */
const ATTEMPTS = 5;

/** Calls that wait until the globs of others are compared. */
const SCANS_WAITING = 64;

/** What is to be blocked. */
export interface BlockRequest {
  readonly patterns: readonly Pattern[];
  /** What becomes of those who carry it: they keep it, or it is taken from them. */
  readonly existing: 'keep' | 'split';
  readonly reason: string;
}

/** A blocked pattern as it is told; of a dry run without id and time, unless it was blocked before. */
export interface ToldBlocked extends Pattern {
  readonly id: number | null;
  /** In µs since 1970 */
  readonly createdAt: number | null;
}

/** What blocking values did, or in a dry run would do. */
export interface BlockOutcome {
  /** null: nothing was changed, or it was a dry run. */
  readonly changeId: number | null;
  readonly isChanged: boolean;
  /** In the order in which they were named */
  readonly blocked: readonly ToldBlocked[];
  /** How many of them were blocked before */
  readonly blockedBefore: number;
  /** How many identities carried one of them */
  readonly identitiesAffected: number;
  /** What would be left of the one identity that has values to be taken out; null: it was no dry run, or there is no such one. */
  readonly afterwards: readonly IdentityView[] | null;
  /** Of a dry run: stands for all that it rests on. */
  readonly etag: string | null;
}

/** Called with how many identities are done, each time that values were taken out of one. */
export type OnProgress = (done: number) => void;

/** Who carries a pattern. */
export interface CarrierCount extends Pattern {
  readonly identities: number;
  readonly contacts: number;
}

/** Blocks values, so that they link nobody any more, and takes them from those that they linked. */
@Injectable()
export class BlockingService implements OnModuleDestroy {
  private readonly logger = new Logger('BlockingService');
  /** By tenant and patterns: what is being taken out. */
  private readonly underWay = new Map<string, Promise<number | null>>();
  private readonly looks = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  /** One at a time: a glob may be compared with every value of its kind. */
  private readonly scans = new Limit({
    atOnce: 1,
    maxWaiting: SCANS_WAITING,
    waitMs: MAX_WAIT_MS,
    refusal: () => new OverloadedError('other patterns are being compared'),
  });

  constructor(
    private readonly writer: ChangeWriter,
    private readonly decisions: DecisionWriter,
    private readonly values: BlockedValues,
    private readonly policies: PolicyDirectory,
  ) {}

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  /** A page of the blocked patterns, the oldest first. @param after the last one that was seen; null: none */
  async list(tenantId: number, after: number | null, limit: number): Promise<Page<StoredBlocked>> {
    const items = await this.values.list(tenantId, after ?? 0, limit + 1);
    return { items: items.slice(0, limit), isLast: items.length <= limit };
  }

  /** How many contacts and identities carry each of the patterns. */
  async count(tenantId: number, patterns: readonly Pattern[]): Promise<CarrierCount[]> {
    const counts: CarrierCount[] = [];
    for (const pattern of patterns) {
      const primaryIds = new Set<number>();
      let contacts = 0;
      for await (const carried of this.values.carried(tenantId, [pattern])) {
        carried.forEach(({ primaryId }) => primaryIds.add(primaryId));
        contacts += await this.values.countCarriers(tenantId, carried);
      }
      counts.push({ ...pattern, identities: primaryIds.size, contacts });
    }
    return counts;
  }

  /**
   * Blocks patterns, and takes their values out of the identities that carry them if `existing` is `split`; see
   * {@link takeOut}. What is blocked already stays as it is.
   *
   * The patterns are blocked first, in one transaction. If one identity carries values, these are taken out in the same
   * transaction; otherwise each identity is a transaction and a change of its own. If that ends early, the same call finishes
   * it. Other replicas may link by the values for some seconds, so they are taken out again when these are over.
   */
  async block(
    call: ChangeCall,
    request: BlockRequest,
    onProgress: OnProgress = () => undefined,
  ): Promise<BlockOutcome> {
    for (;;) {
      try {
        return await this.blockOnce(call, request, onProgress);
      } catch (error) {
        if (!(error instanceof BlockedMeanwhileError)) {
          throw error;
        }
      }
    }
  }

  /**
   * Ends the block of a pattern.
   *
   * @throws {NotFoundError}
   */
  async unblock(call: ChangeCall, id: number, body: { readonly reason?: string | null }): Promise<void> {
    const { tenantId } = call;
    const known = await this.values.find(tenantId, id);
    const request = { kind: 'block-delete', reason: body.reason ?? null, body } as const;
    await this.writer.change(call, request, { tenantId, sightings: [] }, () => {
      if (known === null) {
        throw new NotFoundError('blocked value', id);
      }
      return { writes: { ...NO_WRITES, unblocked: [known] }, contactIds: [], identities: [] };
    });
    await this.policies.refresh(tenantId);
  }

  /** Resolves when no replica links by the values that this process has blocked, and none that was to be taken out is left. */
  async settled(): Promise<void> {
    await Promise.all(this.looks);
  }

  private async blockOnce(
    call: ChangeCall,
    body: BlockRequest,
    onProgress: OnProgress,
  ): Promise<BlockOutcome> {
    const { tenantId, actor, isDryRun } = call;
    const { patterns, existing, reason } = body;
    const isSplit = existing === 'split';
    const known = await this.values.findAll(tenantId, patterns);
    const blocks = patterns.filter((pattern) => !known.some((each) => isSame(each, pattern)));
    const affected = patterns.some(({ pattern }) => isGlob(pattern))
      ? await this.scans.run(() => this.affected(tenantId, patterns))
      : await this.affected(tenantId, patterns);
    const [only] = isSplit && affected.size === 1 ? affected.values() : [];
    if (!isDryRun && blocks.length > 0) {
      await this.values.startPolicy(tenantId);
    }
    const { kinds } = await this.policies.of(tenantId);
    const isTaken = matcherOf(patterns, kinds);
    const outcome = await this.writer.change(
      call,
      { kind: 'block', reason, body, basis: basisOf(known, affected) },
      only === undefined ? { tenantId, sightings: [] } : evidenceOf(tenantId, only.contactId),
      (snapshot) => {
        const { writes, contactIds, identities } = without(snapshot, only?.contactId ?? null, isTaken);
        return { writes: { ...writes, blocks }, contactIds, identities };
      },
    );
    const told = {
      blockedBefore: patterns.length - blocks.length,
      identitiesAffected: affected.size,
      afterwards: isDryRun && only !== undefined ? outcome.identities : null,
      etag: outcome.etag,
    };
    if (isDryRun) {
      const isChanged = outcome.isChanged || (isSplit && affected.size > 0);
      return { ...told, changeId: null, isChanged, blocked: patterns.map((each) => toldOf(each, known)) };
    }
    await this.policies.refresh(tenantId);
    const sweep = { tenantId, patterns, actor, reason };
    const changeId = isSplit && affected.size > 0 ? await this.takeOutOnce(sweep, onProgress) : null;
    const stored = await this.values.findAll(tenantId, patterns);
    if (isSplit) {
      this.lookAgain(sweep, stored);
    }
    return {
      ...told,
      changeId: outcome.changeId ?? changeId,
      isChanged: outcome.isChanged || changeId !== null,
      blocked: patterns.map((each) => toldOf(each, stored)),
    };
  }

  /** By primary, one of the contacts that carry a value that a pattern matches. */
  private async affected(tenantId: number, patterns: readonly Pattern[]): Promise<Map<number, Carried>> {
    const affected = new Map<number, Carried>();
    for await (const page of this.values.carried(tenantId, patterns)) {
      page.forEach((carried) => affected.set(carried.primaryId, carried));
    }
    return affected;
  }

  /** Takes values out of all identities that carry them. Those who ask for the same meanwhile wait for it. */
  private async takeOutOnce(sweep: Sweep, onProgress?: OnProgress): Promise<number | null> {
    const key = `${sweep.tenantId} ${JSON.stringify(sweep.patterns)}`;
    const running =
      this.underWay.get(key) ?? this.takeOutOfAll(sweep, onProgress).finally(() => this.underWay.delete(key));
    this.underWay.set(key, running);
    return running;
  }

  /** @returns the first change that was made; null: nobody carried a value */
  private async takeOutOfAll(sweep: Sweep, onProgress?: OnProgress): Promise<number | null> {
    let firstId: number | null = null;
    let done = 0;
    for await (const page of this.values.carried(sweep.tenantId, sweep.patterns)) {
      for (const { contactId } of new Map(page.map((carried) => [carried.primaryId, carried])).values()) {
        this.stopping.signal.throwIfAborted();
        const changeId = await persistently(() => this.takeOutOf(contactId, sweep));
        firstId ??= changeId;
        onProgress?.(++done);
      }
    }
    return firstId;
  }

  /** @returns the change that was made; null: the identity of the contact had none of the values any more */
  private async takeOutOf(
    contactId: number,
    { tenantId, patterns, actor, reason }: Sweep,
  ): Promise<number | null> {
    const { kinds } = await this.policies.of(tenantId);
    const isTaken = matcherOf(patterns, kinds);
    const { changeId } = await this.decisions.writeInTurn(evidenceOf(tenantId, contactId), (snapshot) => {
      const { writes, contactIds } = without(snapshot, contactId, isTaken);
      const note = { kind: 'block', actor, reason, idempotency: null, isChanged: true, contactIds } as const;
      return { writes: { ...writes, change: isNothing(writes) ? null : note } };
    });
    return changeId;
  }

  private lookAgain(sweep: Sweep, blocked: readonly StoredBlocked[]): void {
    const look = this.takeOutLater(sweep, new Set(blocked.map(({ id }) => id)))
      .catch((error: unknown) => {
        if (!this.stopping.signal.aborted) {
          this.logger.warn({ msg: 'Blocked values could not be taken out again', err: loggable(error) });
        }
      })
      .finally(() => this.looks.delete(look));
    this.looks.add(look);
  }

  /** When the patterns are in force on all replicas. What was freed until then stays, also if it was blocked once more, to be kept. */
  private async takeOutLater(sweep: Sweep, blockedIds: ReadonlySet<number>): Promise<void> {
    await sleep(IN_FORCE_AFTER_MS, undefined, { signal: this.stopping.signal });
    const blocked = await this.values.findAll(sweep.tenantId, sweep.patterns);
    await this.takeOutOnce({ ...sweep, patterns: blocked.filter(({ id }) => blockedIds.has(id)) });
  }
}

interface Sweep {
  readonly tenantId: number;
  readonly patterns: readonly Pattern[];
  readonly actor: string;
  readonly reason: string;
}

const NOTHING_TAKEN: TakeOut = { writes: NO_WRITES, identities: [], contactIds: [] };

/** The values taken out of the identity of a contact, if the contact is there. */
function without(
  snapshot: Snapshot,
  contactId: number | null,
  isTaken: ReturnType<typeof matcherOf>,
): TakeOut {
  const { evidence } = snapshot;
  const isThere = evidence?.identities.some(({ contacts }) => contacts.some(({ id }) => id === contactId));
  return evidence === undefined || contactId === null || isThere !== true
    ? NOTHING_TAKEN
    : takeOut(contactId, isTaken, { ...snapshot, evidence });
}

function evidenceOf(tenantId: number, contactId: number) {
  return { tenantId, evidenceOf: [contactId], sightings: [], pastSince: 0 };
}

function isSame(one: Pattern, other: Pattern): boolean {
  return one.kind === other.kind && one.pattern === other.pattern;
}

function toldOf(pattern: Pattern, stored: readonly StoredBlocked[]): ToldBlocked {
  const { id = null, createdAt = null } = stored.find((each) => isSame(each, pattern)) ?? {};
  return { ...pattern, id, createdAt };
}

/** What is blocked already, and the identities that carry values, each as it was read. */
function basisOf(known: readonly StoredBlocked[], affected: ReadonlyMap<number, Carried>): string[] {
  const identities = [...affected.values()].map(({ primaryId, version }) => `${primaryId} ${version}`);
  const hash = createHash('sha256').update(identities.toSorted().join(',')).digest('base64url');
  return [`carried ${hash}`, ...known.map(({ id }) => `blocked ${id}`)];
}

/** Works again if other calls change the same identity all the time, or too many calls about large identities wait. */
async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await retryUnavailable(work);
    } catch (error) {
      const isOfOthers = error instanceof ContentionError || error instanceof OverloadedError;
      if (!isOfOthers || attempt === ATTEMPTS) {
        throw error;
      }
    }
  }
}

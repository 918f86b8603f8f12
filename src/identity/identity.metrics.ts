import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';
import { Settings } from '../config/settings.js';
import { IGNORED_REASONS, type IdentityView, type Snapshot } from './domain/contact.js';
import { REVIEW_DECISIONS, REVIEW_REASONS, type ReviewDecision } from './domain/reviews.js';
import { linksByWidelyShared, WIDELY_SHARED } from './domain/widely-shared.js';
import { CHANGE_KINDS, MERGE_CAUSES, type ChangeKind, type Writes } from './domain/writes.js';
import { addGauge } from '../telemetry/metrics/registry.js';

/** Why a decision could not be written: another writer changed its rows, or held them for too long. */
export type ConflictCause = (typeof CAUSES)[number];
const CAUSES = ['changed', 'claimed', 'not_held', 'serialization', 'deadlock', 'lock_timeout'] as const;
const LINK_PRECEDENCES = ['primary', 'secondary'] as const;

/** How many sightings wait for a batch, how many batches run, and how many sightings wait for another writer. */
interface Load {
  readonly waiting: number;
  readonly waitingForLarge: number;
  readonly busyLanes: number;
  readonly contested: number;
}

const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5];

/** Metrics of batches, decisions and identities. No metric has a label whose values a caller could choose. */
@Injectable()
export class IdentityMetrics {
  private load: () => Load = () => ({ waiting: 0, waitingForLarge: 0, busyLanes: 0, contested: 0 });
  private readonly isOn: boolean;
  private readonly batchSize: Histogram;
  private readonly batchWait: Histogram;
  private readonly batchDuration: Histogram;
  private readonly identitySize: Histogram;
  private readonly conflicts: Counter<'cause'>;
  private readonly attempts: Histogram;
  private readonly contentions: Counter;
  private readonly contacts: Counter<'link_precedence'>;
  private readonly merges: Counter<'cause'>;
  private readonly sharedValueLinks: Counter;
  private readonly deletions: Counter;
  private readonly changes: Counter<'kind'>;
  private readonly rulesMade: Counter;
  private readonly rulesRemoved: Counter;
  private readonly withheld: Counter<'reason'>;
  private readonly reviewsOpened: Counter<'reason'>;
  private readonly reviewsClosed: Counter<'decision'>;

  constructor({ metricsPort }: Settings, registry: Registry) {
    this.isOn = metricsPort !== null;
    const registers = [registry];
    addGauge(
      registry,
      'identity_sightings_waiting',
      'Sightings that wait for a batch; no more than QUEUE_MAX',
      () => this.load().waiting,
    );
    addGauge(
      registry,
      'identity_large_sightings_waiting',
      'Sightings that wait for a batch in the lanes of large identities',
      () => this.load().waitingForLarge,
    );
    addGauge(
      registry,
      'identity_batches_under_way',
      'Running batches; no more than BATCH_LANES, two for large identities, and twice as many of tenants that are held back',
      () => this.load().busyLanes,
    );
    addGauge(
      registry,
      'identity_sightings_contested',
      'Sightings set aside because another writer holds or has just changed their identity; no more than QUEUE_MAX',
      () => this.load().contested,
    );
    this.batchSize = new Histogram({
      name: 'identity_batch_size',
      help: 'Sightings in a batch; the sum counts all sightings',
      buckets: SIZES,
      registers,
    });
    this.batchWait = new Histogram({
      name: 'identity_batch_wait_seconds',
      help: 'Time that a sighting waited for its batch; after 1.5 s it is answered with 503',
      buckets: SECONDS,
      registers,
    });
    this.batchDuration = new Histogram({
      name: 'identity_batch_duration_seconds',
      help: 'Duration of a batch, from its start to the last answer',
      buckets: SECONDS,
      registers,
    });
    this.identitySize = new Histogram({
      name: 'identity_contacts_per_identity',
      help: 'Live contacts of the identities in the answers',
      buckets: [1, 2, 3, 5, 10, 20, 50, 100, 1_000, 10_000],
      registers,
    });
    this.conflicts = new Counter({
      name: 'identity_conflicts_total',
      help: 'Decisions that could not be written and were made again, by cause',
      labelNames: ['cause'],
      registers,
    });
    this.attempts = new Histogram({
      name: 'identity_decision_attempts',
      help: 'Attempts until a decision was written; 1: no conflict',
      buckets: [1, 2, 3, 4, 6, 10, 20, 40],
      registers,
    });
    this.contentions = new Counter({
      name: 'identity_contention_total',
      help: 'Decisions that lost every race and were answered with 503',
      registers,
    });
    this.contacts = new Counter({
      name: 'identity_contacts_created_total',
      help: 'Inserted contacts: primary: a new identity, secondary: linked to an identity',
      labelNames: ['link_precedence'],
      registers,
    });
    this.merges = new Counter({
      name: 'identity_merges_total',
      help: 'Identities that were merged into another, by cause',
      labelNames: ['cause'],
      registers,
    });
    this.sharedValueLinks = new Counter({
      name: 'identity_shared_value_links_total',
      help: `Contacts and merges linked by a value that ${WIDELY_SHARED} contacts of an identity carried already`,
      registers,
    });
    this.deletions = new Counter({
      name: 'identity_deletions_total',
      help: 'Contacts that were deleted',
      registers,
    });
    this.changes = new Counter({
      name: 'identity_changes_total',
      help: 'Changes that were made by hand, by kind',
      labelNames: ['kind'],
      registers,
    });
    this.rulesMade = new Counter({
      name: 'identity_rules_made_total',
      help: 'Do-not-link rules that were made',
      registers,
    });
    this.rulesRemoved = new Counter({
      name: 'identity_rules_removed_total',
      help: 'Do-not-link rules that were removed, one by one or by a forced merge',
      registers,
    });
    this.withheld = new Counter({
      name: 'identity_identifiers_withheld_total',
      help: 'Identifiers that were left out of a sighting, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.reviewsOpened = new Counter({
      name: 'identity_reviews_opened_total',
      help: 'Links that were withheld for the first time, so that people are asked, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.reviewsClosed = new Counter({
      name: 'identity_reviews_decided_total',
      help: 'Reviews that were decided, by people, a rule or a link, by decision',
      labelNames: ['decision'],
      registers,
    });
    // Set to 0 at the start, so that the first event of a kind is a rise and not the beginning of a series.
    CAUSES.forEach((cause) => this.conflicts.inc({ cause }, 0));
    MERGE_CAUSES.filter((cause) => cause !== 'kept').forEach((cause) => this.merges.inc({ cause }, 0));
    IGNORED_REASONS.forEach((reason) => this.withheld.inc({ reason }, 0));
    REVIEW_REASONS.forEach((reason) => this.reviewsOpened.inc({ reason }, 0));
    REVIEW_DECISIONS.forEach((decision) => this.reviewsClosed.inc({ decision }, 0));
    CHANGE_KINDS.forEach((kind) => this.changes.inc({ kind }, 0));
    LINK_PRECEDENCES.forEach((precedence) => this.contacts.inc({ link_precedence: precedence }, 0));
  }

  /** Gives the gauges the load, which they read at each scrape. */
  watch(load: () => Load): void {
    this.load = load;
  }

  /** Measures a batch. `since`: when each sighting arrived, as `performance.now()`. */
  async batch(sightings: readonly { readonly since: number }[], work: () => Promise<void>): Promise<void> {
    if (!this.isOn) {
      return work();
    }
    const start = performance.now();
    this.batchSize.observe(sightings.length);
    sightings.forEach(({ since }) => this.batchWait.observe((start - since) / 1000));
    try {
      await work();
    } finally {
      this.batchDuration.observe((performance.now() - start) / 1000);
    }
  }

  /** A sighting was answered with an identity. */
  answered({ secondaryContactIds, ignored }: IdentityView): void {
    if (this.isOn) {
      this.identitySize.observe(secondaryContactIds.length + 1);
      ignored?.forEach(({ reason }) => this.withheld.inc({ reason }));
    }
  }

  conflict(cause: ConflictCause): void {
    this.conflicts.inc({ cause });
  }

  /** A decision was written after this many attempts. */
  settled(attempts: number, snapshot: Snapshot, writes: Writes): void {
    if (!this.isOn) {
      return;
    }
    const { newcomers, merges, rules, liftedRules, reviews, deletion, change } = writes;
    this.attempts.observe(attempts);
    const primaries = newcomers.filter(({ linkedId }) => linkedId === null).length;
    this.contacts.inc({ link_precedence: 'primary' }, primaries);
    this.contacts.inc({ link_precedence: 'secondary' }, newcomers.length - primaries);
    merges.filter(({ cause }) => cause !== 'kept').forEach(({ cause }) => this.merges.inc({ cause }));
    this.sharedValueLinks.inc(linksByWidelyShared(snapshot, writes));
    this.rulesMade.inc(rules.length);
    this.rulesRemoved.inc(liftedRules.length);
    reviews.forEach(({ reason }) => this.reviewsOpened.inc({ reason }));
    this.deletions.inc(deletion?.contactIds.length ?? 0);
    if (change?.isChanged === true) {
      this.changed(change.kind);
    }
  }

  /** Reviews were decided, also by themselves. */
  reviewsDecided(decision: ReviewDecision, count: number): void {
    if (this.isOn) {
      this.reviewsClosed.inc({ decision }, count);
    }
  }

  /** Somebody changed something by hand. */
  changed(kind: ChangeKind): void {
    this.changes.inc({ kind });
  }

  /** A decision lost every race. */
  gaveUp(): void {
    this.contentions.inc();
  }
}

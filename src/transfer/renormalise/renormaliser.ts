import type { Settings } from '../../config/settings.js';
import { readValue } from '../../identity/api/dto/read-value.js';
import { Blocklist, isGlob, readGlob, type Pattern } from '../../identity/domain/blocklist.js';
import type { Identifier } from '../../identity/domain/contact.js';
import { IdentifierMap } from '../../identity/domain/identifier-map.js';
import type { Kinds } from '../../identity/domain/kinds.js';
import type { ChangedForm, KeptForm, OldForm } from '../../identity/domain/old-form.js';
import type { Pair } from '../../identity/domain/reviews.js';
import type { RenormalisationRun } from '../../identity/renormalisation.service.js';
import type { Named, Reading } from '../../identity/store/old-forms.js';
import type { DryRun } from '../import/dry-run.js';
import { passingTroubleOf, retry, type RetryOptions } from '../import/retry.js';
import type { OpenService } from '../open-service.js';

/** Old forms that one transaction changes. Others wait for its identities no longer than for a batch of sightings. */
const AT_ONCE = 200;
/** Values that are named in the result. */
const NAMED = 20;
/** What a run did, or would do. */
export interface Tally {
  /** Stored identifiers that were looked at */
  identifiers: number;
  /** Of these: those that got their normal form, on how many contacts, and how many merges that made */
  changed: number;
  contacts: number;
  merges: number;
  /** Of these: those that stay as they are, by the reason, and those that have no normal form */
  kept: Record<KeptForm['reason'], number>;
  refused: number;
  /** Records that got normal forms: blocked values, sightings of merges, reviews */
  blockedValues: number;
  sightings: number;
  reviews: number;
}

export function emptyTally(): Tally {
  return {
    identifiers: 0,
    changed: 0,
    contacts: 0,
    merges: 0,
    kept: { blocked: 0, 'do-not-link': 0, limit: 0, rule: 0 },
    refused: 0,
    blockedValues: 0,
    sightings: 0,
    reviews: 0,
  };
}

/** A value that has no normal form any more: the service refuses it today. */
export interface RefusedValue extends Identifier {
  readonly because: string;
}

/** What is shown of a run: the first of each. */
export interface Findings {
  readonly changed: ChangedForm[];
  readonly kept: KeptForm[];
  readonly refused: RefusedValue[];
  /** Blocked globs of phone numbers. They are compared with normal forms, and nobody can tell which numbers they should match. */
  globs: number;
}

/** What a run needs. */
export interface RenormaliserOptions {
  readonly service: OpenService;
  readonly kinds: Kinds;
  readonly settings: Settings;
  readonly actor: string;
  readonly reason: string;
  readonly tally: Tally;
  /** Null: it is no dry run. */
  readonly dryRun: DryRun | null;
  readonly waiting: RetryOptions;
  readonly stop: AbortSignal;
}

/** One run over everything that a tenant has stored. */
export class Renormaliser {
  readonly found: Findings = { changed: [], kept: [], refused: [], globs: 0 };
  private readonly reading: Reading;
  private readonly changes: RenormalisationRun;

  constructor(private readonly options: RenormaliserOptions) {
    const { service, dryRun, actor, reason } = options;
    const { tenantId } = service;
    const formOf = (identifier: Identifier): string | null => this.formOf(identifier);
    this.reading = { tenantId, schema: dryRun?.schema ?? null, attempt: (work) => this.attempt(work) };
    this.changes = { tenantId, actor, reason, formOf, blocked: new Blocklist(), changeId: null };
  }

  /** The change that was recorded; null: nothing was changed. */
  get changeId(): number | null {
    return this.changes.changeId;
  }

  /** Looks at everything, until it is told to stop. */
  async run(): Promise<void> {
    const steps = [
      () => this.renameBlocked(),
      () => this.renameRuled(),
      () => this.renameAll(),
      () => this.renameInMerges(),
      () => this.renameInReviews(),
    ];
    for (const step of steps) {
      if (!this.options.stop.aborted) {
        await step();
      }
    }
  }

  private async renameBlocked(): Promise<void> {
    const { service, tally, dryRun } = this.options;
    const { renormalisation, policies, tenantId } = service;
    const oldForms = await this.attempt(() =>
      renormalisation.blockedOldForms(tenantId, (pattern) => this.formOfPattern(pattern)),
    );
    tally.blockedValues = oldForms.length;
    if (oldForms.length === 0) {
      return;
    }
    this.changes.blocked = new Blocklist(oldForms.map(({ blocked, to }) => ({ ...to, id: blocked.id })));
    if (dryRun === null) {
      await renormalisation.renameBlocked(this.changes, oldForms);
      await policies.refresh(tenantId);
    }
  }

  private async renameRuled(): Promise<void> {
    for await (const page of this.options.service.oldForms.rules(this.reading)) {
      const named = page.flatMap(({ identifiers }) => identifiers);
      await this.renormalise(this.oldFormsOf(named));
      if (this.options.stop.aborted) {
        return;
      }
    }
  }

  /** What a limit withholds may be allowed once other values have become one: then all is looked at again. */
  private async renameAll(): Promise<void> {
    const { tally, kinds, stop } = this.options;
    for (let before = -1; tally.changed > before && !stop.aborted;) {
      before = tally.changed;
      this.forgetLeft();
      for (const { name } of kinds.all) {
        await this.renameOfKind(name);
      }
      if (tally.kept.limit + tally.kept['do-not-link'] === 0) {
        return;
      }
    }
  }

  private forgetLeft(): void {
    const { tally } = this.options;
    Object.assign(tally, {
      ...emptyTally(),
      changed: tally.changed,
      contacts: tally.contacts,
      merges: tally.merges,
      blockedValues: tally.blockedValues,
    });
    this.found.kept.length = 0;
    this.found.refused.length = 0;
  }

  private async renameOfKind(kind: string): Promise<void> {
    const { service, stop, tally } = this.options;
    for await (const page of service.oldForms.identifiers(this.reading, kind)) {
      const kept = await this.renormalise(this.oldFormsOf(page, (refused) => this.refuse(refused)));
      kept.forEach(({ reason }) => tally.kept[reason]++);
      keepFirst(this.found.kept, kept);
      tally.identifiers += page.length;
      if (stop.aborted) {
        return;
      }
    }
  }

  private refuse(refused: RefusedValue): void {
    this.options.tally.refused++;
    keepFirst(this.found.refused, [refused]);
  }

  /** @returns those that stay as they are */
  private async renormalise(oldForms: readonly OldForm[]): Promise<KeptForm[]> {
    const { service, stop, tally, dryRun } = this.options;
    const kept: KeptForm[] = [];
    for (let at = 0; at < oldForms.length && !stop.aborted; at += AT_ONCE) {
      const part = oldForms.slice(at, at + AT_ONCE);
      await dryRun?.prepare(service.tenantId, sightingsOf(part));
      const done = await this.attempt(() => service.renormalisation.renormalise(this.changes, part));
      tally.changed += done.changed.length;
      tally.contacts += done.contacts;
      tally.merges += done.merges;
      keepFirst(this.found.changed, done.changed);
      kept.push(...done.kept);
    }
    return kept;
  }

  /** Of old forms that were left as they are, the sightings stay as they are, too. */
  private async renameInMerges(): Promise<void> {
    const { service, tally, dryRun, stop } = this.options;
    for await (const page of service.oldForms.merges(this.reading)) {
      if (stop.aborted) {
        return;
      }
      const gone = await this.goneOf(page);
      const ids = page
        .filter(({ identifiers }) => identifiers.some((each) => gone.has(each)))
        .map(({ id }) => id);
      if (ids.length > 0 && dryRun === null) {
        const { tenantId } = service;
        await this.attempt(() => service.oldForms.renameInMerges(tenantId, ids, [...gone.items()]));
      }
      tally.sightings += ids.length;
    }
  }

  private async renameInReviews(): Promise<void> {
    const { service, tally, dryRun, stop } = this.options;
    for await (const page of service.oldForms.reviews(this.reading)) {
      if (stop.aborted) {
        return;
      }
      const gone = await this.goneOf(page);
      for (const review of page.filter(({ identifiers }) => identifiers.some((each) => gone.has(each)))) {
        const pair = review.identifiers.map(({ kind, value }) => ({
          kind,
          value: gone.get({ kind, value })?.to ?? value,
        })) as unknown as Pair;
        const isRenamed =
          dryRun !== null ||
          (await this.attempt(() =>
            service.oldForms.renameReview(service.tenantId, review, pair, this.changeId),
          ));
        tally.reviews += isRenamed ? 1 : 0;
      }
    }
  }

  /** The old forms of some records that nobody has any more. */
  private async goneOf(page: readonly Named[]): Promise<IdentifierMap<OldForm>> {
    const { service } = this.options;
    const oldForms = this.oldFormsOf(page.flatMap(({ identifiers }) => identifiers));
    const gone = new IdentifierMap<OldForm>();
    if (oldForms.length > 0) {
      const found = await this.attempt(() => service.oldForms.gone(service.tenantId, oldForms));
      found.forEach((each) => gone.set(each, each));
    }
    return gone;
  }

  /** Those of the identifiers that have another normal form, each once. */
  private oldFormsOf(
    identifiers: readonly Identifier[],
    onRefused: (refused: RefusedValue) => void = () => undefined,
  ): OldForm[] {
    const oldForms = new IdentifierMap<OldForm>();
    for (const { kind, value } of identifiers) {
      const read = readValue(this.options.kinds.named(kind), value, this.options.settings);
      if ('mistake' in read) {
        onRefused({ kind, value, because: read.mistake });
      } else if (read.value !== null && read.value !== value) {
        oldForms.set({ kind, value }, { kind, value, to: read.value });
      }
    }
    return [...oldForms.items()];
  }

  private formOf({ kind, value }: Identifier): string | null {
    const { kinds, settings } = this.options;
    const read = readValue(kinds.named(kind), value, settings);
    return 'mistake' in read ? null : read.value;
  }

  private formOfPattern({ kind, pattern }: Pattern): string | null {
    const { kinds, settings } = this.options;
    if (!isGlob(pattern)) {
      return this.formOf({ kind, value: pattern });
    }
    if (kinds.named(kind).normaliser === 'phone') {
      this.found.globs++;
    }
    const glob = readGlob(kinds.named(kind), pattern, settings);
    return typeof glob === 'string' ? glob : null;
  }

  private attempt<T>(work: () => Promise<T>): Promise<T> {
    return retry(work, passingTroubleOf, this.options.waiting);
  }
}

function sightingsOf(oldForms: readonly OldForm[]): { readonly identifiers: readonly Identifier[] }[] {
  return oldForms.flatMap(({ kind, value, to }) => [
    { identifiers: [{ kind, value }] },
    { identifiers: [{ kind, value: to }] },
  ]);
}

function keepFirst<T>(list: T[], more: readonly T[]): void {
  list.push(...more.slice(0, Math.max(0, NAMED - list.length)));
}

import { Injectable } from '@nestjs/common';
import { DecisionWriter } from './decision-writer.js';
import { Blocklist, type Pattern } from './domain/blocklist.js';
import type { Identifier, Snapshot } from './domain/contact.js';
import type { OldForm } from './domain/old-form.js';
import { renormalise, type Renormalisation } from './domain/renormalise.js';
import { isNothing, NO_WRITES, type Writes } from './domain/writes.js';
import { ContentionError } from './identity.errors.js';
import { OverloadedError } from '../http/problems/problem.errors.js';
import type { Selection } from './store/contact.repository.js';
import { BlockedValues, type StoredBlocked } from './store/blocked-values.js';

const PATTERNS_AT_ONCE = 500;
/** How often an identity that other calls change is tried, each time for seconds. */
const ATTEMPTS = 5;

/** What one run of a command changes, in many transactions. It is one change, which is recorded with its first transaction. */
export interface RenormalisationRun {
  readonly tenantId: number;
  readonly actor: string;
  readonly reason: string;
  /** The normal form of a value; null: it has none any more. */
  readonly formOf: (identifier: Identifier) => string | null;
  /** Blocked values that get, or would get, their normal form in this run. */
  blocked: Blocklist;
  /** Null: nothing was changed yet. */
  changeId: number | null;
}

/** What was done with some old forms. */
export interface RenormalisedPart extends Omit<Renormalisation, 'writes' | 'later'> {
  /** Contacts that carry another value than before */
  readonly contacts: number;
  readonly merges: number;
}

/** A blocked pattern and its normal form. */
export interface BlockedOldForm {
  readonly blocked: StoredBlocked;
  readonly to: Pattern;
}

/** Gives what is stored under an older normal form the one of today. What each transaction changes is in the pure core. */
@Injectable()
export class RenormalisationService {
  constructor(
    private readonly decisions: DecisionWriter,
    private readonly blockedValues: BlockedValues,
  ) {}

  /**
   * Gives values their normal form; see {@link renormalise}. May be repeated: what has its normal form already is left out.
   *
   * @throws {ContentionError} if others change one identity all the time; what was written before stays
   */
  async renormalise(run: RenormalisationRun, oldForms: readonly OldForm[]): Promise<RenormalisedPart> {
    const done = {
      changed: [] as RenormalisedPart['changed'][number][],
      kept: [] as RenormalisedPart['kept'][number][],
      contacts: 0,
      merges: 0,
    };
    for (let pending = oldForms; pending.length > 0;) {
      const decided = await this.decide(run, pending);
      const { writes, changed, kept } = decided;
      done.changed.push(...changed);
      done.kept.push(...kept);
      done.contacts += writes.touched.filter(({ identifiers }) => identifiers !== undefined).length;
      done.merges += writes.merges.length;
      pending = decided.later;
    }
    return done;
  }

  /** The blocked patterns that have another normal form. @param formOf the form of a pattern; null: it has none any more */
  async blockedOldForms(
    tenantId: number,
    formOf: (pattern: Pattern) => string | null,
  ): Promise<BlockedOldForm[]> {
    const oldForms: BlockedOldForm[] = [];
    for (let last = 0, count = PATTERNS_AT_ONCE; count === PATTERNS_AT_ONCE;) {
      const page = await this.blockedValues.list(tenantId, last, PATTERNS_AT_ONCE);
      count = page.length;
      last = page.at(-1)?.id ?? last;
      for (const blocked of page) {
        const form = formOf(blocked);
        if (form !== null && form !== blocked.pattern) {
          oldForms.push({ blocked, to: { kind: blocked.kind, pattern: form } });
        }
      }
    }
    return oldForms;
  }

  /** Blocks the normal forms of blocked values in their place. */
  async renameBlocked(run: RenormalisationRun, oldForms: readonly BlockedOldForm[]): Promise<void> {
    const { tenantId } = run;
    const wanted = new Map(oldForms.map(({ to }) => [`${to.kind} ${to.pattern}`, to]));
    const known = await this.blockedValues.findAll(tenantId, [...wanted.values()]);
    known.forEach(({ kind, pattern }) => wanted.delete(`${kind} ${pattern}`));
    const writes = {
      ...NO_WRITES,
      blocks: [...wanted.values()],
      unblocked: oldForms.map(({ blocked }) => blocked),
    };
    await this.write(run, { tenantId, sightings: [] }, () => ({ writes }));
  }

  /** In smaller parts if others change one of the identities all the time. */
  private async decide(run: RenormalisationRun, oldForms: readonly OldForm[]): Promise<Renormalisation> {
    const { tenantId, formOf, blocked } = run;
    const selection = {
      tenantId,
      sightings: oldForms.flatMap(({ kind, value, to }) => [
        { identifiers: [{ kind, value }] },
        { identifiers: [{ kind, value: to }] },
      ]),
    };
    const decideOn = (snapshot: Snapshot): Renormalisation =>
      renormalise(snapshot, oldForms, {
        formOf,
        isBlocked: (each) => snapshot.policy.blocked.isBlocked(each) || blocked.isBlocked(each),
      });
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.write(run, selection, decideOn);
      } catch (error) {
        const isOfOthers = error instanceof ContentionError || error instanceof OverloadedError;
        if (!isOfOthers || attempt === ATTEMPTS) {
          throw error;
        }
        if (oldForms.length > 1) {
          const middle = Math.ceil(oldForms.length / 2);
          const first = await this.decide(run, oldForms.slice(0, middle));
          return { ...first, later: [...first.later, ...oldForms.slice(middle)] };
        }
      }
    }
  }

  private async write<D extends { readonly writes: Writes }>(
    run: RenormalisationRun,
    selection: Selection,
    decide: (snapshot: Snapshot) => D,
  ): Promise<D> {
    const { actor, reason } = run;
    const note = {
      kind: 'renormalise',
      actor,
      reason,
      idempotency: null,
      isChanged: true,
      contactIds: [],
    } as const;
    const { decision, changeId } = await this.decisions.writeInTurn(selection, (snapshot) => {
      const decided = decide(snapshot);
      const writes = isNothing(decided.writes)
        ? decided.writes
        : { ...decided.writes, change: run.changeId === null ? note : null, partOf: run.changeId };
      return { ...decided, writes };
    });
    run.changeId ??= changeId;
    return decision;
  }
}

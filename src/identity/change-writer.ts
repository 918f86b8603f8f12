import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { DatabaseUnavailableError, retryUnavailable } from '../database/session/unavailable.js';
import { DecisionWriter, type Decision } from './decision-writer.js';
import {
  byAge,
  liveContacts,
  viewOf,
  type Identity,
  type IdentityView,
  type Snapshot,
} from './domain/contact.js';
import type { Rule } from './domain/rules.js';
import { asksForMore, isNothing, withRealIds, type ChangeKind, type ChangeNote } from './domain/writes.js';
import {
  IdempotencyKeyInFlightError,
  IdempotencyKeyReusedError,
  PreconditionFailedError,
} from './change.errors.js';
import { LARGE_CONTACTS } from './large.js';
import { ReadLanes } from './read-lanes.js';
import { ChangeRecords, type RecordedChange } from './store/change-records.js';
import { ContactRepository, type Selection } from './store/contact.repository.js';
import type { Drawn } from './store/write-queries.js';
import { Contact } from './store/entities/contact.js';
import { IdentityReader } from './store/identity-reader.js';

/** The kinds of change whose answer has identities. */
const TELL_IDENTITIES: ReadonlySet<ChangeKind> = new Set(['merge', 'undo', 'split', 'review']);

/** A call that asks for a change: everything of it but what is to be changed. */
export interface ChangeCall {
  readonly tenantId: number;
  readonly actor: string;
  /** The id of the call; absent: it came by no call. */
  readonly requestId?: string;
  /** Whether only to tell what would be. */
  readonly isDryRun: boolean;
  /** The `If-Match` header; null: none was sent. */
  readonly ifMatch: string | null;
  /** The method and the path */
  readonly route: string;
  /** The `Idempotency-Key` header; null: none was sent. */
  readonly idempotencyKey: string | null;
}

/** What is asked for. */
export interface ChangeRequest {
  readonly kind: ChangeKind;
  readonly reason: string | null;
  /** The valid body of the call, its properties in one order: with the route it tells calls under one key apart. */
  readonly body: object;
  /** What the change rests on beside what it is decided on; absent: nothing. */
  readonly basis?: readonly string[];
}

/** What a change of one kind decides. */
export interface ChangeDecision extends Decision {
  /** The contacts that the change is about; for them a repetition under its key is answered. */
  readonly contactIds: readonly number[];
  /** What the change leaves, in the order in which it is told. Ids of newcomers are provisional. */
  readonly identities: readonly IdentityView[];
  /** Rules that were there already and are told, before those that the change makes; absent: none. */
  readonly existingRules?: readonly Rule[];
  /** Whether it rests on evidence that was not recorded, but worked out later. */
  readonly isAssumed?: boolean;
}

/** A rule as it is told; of a dry run without id and time. */
export interface ToldRule extends Omit<Rule, 'id' | 'createdAt'> {
  readonly id: number | null;
  /** In µs since 1970 */
  readonly createdAt: number | null;
}

/** What came of a change by hand, or in a dry run would come of it. */
export interface ChangeOutcome {
  /** null: nothing was changed, or it was a dry run. */
  readonly changeId: number | null;
  readonly isChanged: boolean;
  /** After a dry run with provisional ids */
  readonly identities: readonly IdentityView[];
  readonly mergeIds: readonly number[];
  /** The rules that it made, or would make */
  readonly rules: readonly ToldRule[];
  /** See {@link ChangeDecision.isAssumed}; false for a repetition. */
  readonly isAssumed: boolean;
  /** Of a dry run: stands for all that the decision rests on. */
  readonly etag: string | null;
}

/**
 * Makes changes by hand: tells what they would do, makes them only on what the caller has seen, and makes each once.
 *
 * What a change decides is in the pure core; how it is written, in the decision writer.
 */
@Injectable()
export class ChangeWriter {
  /** The idempotency keys of changes that this process is making. */
  private readonly inFlight = new Set<string>();

  constructor(
    private readonly writer: DecisionWriter,
    private readonly reader: IdentityReader,
    private readonly lanes: ReadLanes,
    private readonly changes: ChangeRecords,
    @InjectRepository(Contact) private readonly contacts: ContactRepository,
  ) {}

  /**
   * Makes a change, or tells what it would be. Under an idempotency key it is made once: whoever repeats the call learns which
   * change it was, and how its contacts are now.
   *
   * If the outcome of a commit is not known, the change is tried again under its key; without one it is not, since it might
   * be made twice.
   *
   * @param decide as for {@link DecisionWriter.write}; throws what refuses the change
   * @throws {PreconditionFailedError} if `If-Match` names something else than what is stored
   * @throws {IdempotencyKeyReusedError} if the key was used for another call
   * @throws {IdempotencyKeyInFlightError} if a call with the same key is under way
   * @throws {ContentionError} if it lost every race; nothing was changed
   */
  async change(
    call: ChangeCall,
    request: ChangeRequest,
    selection: Selection,
    decide: (snapshot: Snapshot) => ChangeDecision,
  ): Promise<ChangeOutcome> {
    if (call.isDryRun) {
      const { snapshot, decision } = await this.lanes.readAny(
        call.tenantId,
        () => this.writer.prepareAtMost(LARGE_CONTACTS, selection, decide),
        () => this.writer.prepare(selection, decide),
      );
      return {
        changeId: null,
        isChanged: !isNothing(decision.writes),
        identities: decision.identities,
        mergeIds: [],
        rules: toldRules(decision, { actor: call.actor, reason: request.reason }, null),
        isAssumed: decision.isAssumed === true,
        etag: etagOf(snapshot, request.basis),
      };
    }
    const idempotency = idempotencyOf(call, request);
    let isDecided = false;
    const decideNoted = (snapshot: Snapshot): ChangeDecision & { isChanged: boolean } => {
      const decision = decideIfMatching(call.ifMatch, snapshot, decide, request.basis);
      isDecided = true;
      const { kind, reason } = request;
      const { actor, requestId } = call;
      const caller = requestId === undefined ? { actor } : { actor, requestId };
      return noted(decision, { kind, reason, ...caller, idempotency });
    };
    return this.once(call, () =>
      retryUnavailable(
        async () =>
          (await this.repeated(selection.tenantId, request.kind, idempotency)) ??
          (await this.write(selection, request.kind, idempotency, decideNoted)),
        () => idempotency !== null || !isDecided,
      ),
    );
  }

  private async write(
    selection: Selection,
    kind: ChangeKind,
    idempotency: Idempotency,
    decide: (snapshot: Snapshot) => ChangeDecision & { isChanged: boolean },
  ): Promise<ChangeOutcome> {
    try {
      const { decision, ...drawn } = await this.writer.writeInTurn(selection, decide);
      return {
        changeId: decision.isChanged ? drawn.changeId : null,
        isChanged: decision.isChanged,
        identities: decision.identities.map((view) => withRealIds(view, drawn.freshIds)),
        mergeIds: drawn.mergeIds,
        rules: toldRules(decision, decision.writes.change, drawn),
        isAssumed: decision.isAssumed === true,
        etag: null,
      };
    } catch (error) {
      // Another process may have made the same change since, and that is why this one can't be made.
      const repeated =
        error instanceof DatabaseUnavailableError
          ? null
          : await this.repeated(selection.tenantId, kind, idempotency);
      if (repeated === null) {
        throw error;
      }
      return repeated;
    }
  }

  /** What came of the change if it was made before under the key of the call; null if it was not. */
  private async repeated(
    tenantId: number,
    kind: ChangeKind,
    idempotency: Idempotency,
  ): Promise<ChangeOutcome | null> {
    const made = idempotency && (await this.changes.findByIdempotencyKey(tenantId, idempotency.key));
    if (made === null) {
      return null;
    }
    if (made.requestHash !== idempotency?.requestHash) {
      throw new IdempotencyKeyReusedError();
    }
    return {
      changeId: made.isChanged ? made.id : null,
      isChanged: made.isChanged,
      identities: TELL_IDENTITIES.has(kind) ? await this.identitiesOf(tenantId, made, kind) : [],
      mergeIds: made.mergeIds,
      rules: made.isChanged ? await this.contacts.rulesOfChange(tenantId, made.id) : [],
      isAssumed: false,
      etag: null,
    };
  }

  /**
   * Today's identities of the contacts of a change, each once, in the order of the contacts; of an undo, which tells the older
   * primary first, in the order of today's primaries. Identities without live contacts are not told.
   */
  private async identitiesOf(
    tenantId: number,
    { contactIds }: RecordedChange,
    kind: ChangeKind,
  ): Promise<IdentityView[]> {
    // With their evidence, so that a contact that was deleted since is found in the identity that it belonged to.
    const selection = { tenantId, evidenceOf: contactIds, sightings: [], pastSince: null };
    const { identities } = await this.reader.load(selection);
    const identityOf = new Map(
      identities.flatMap((identity) => identity.rows.map(({ id }) => [id, identity])),
    );
    const found = new Set<Identity>(contactIds.flatMap((id) => identityOf.get(id) ?? []));
    const live = [...found].map(liveContacts).filter((contacts) => contacts.length > 0);
    return (kind === 'undo' ? live.toSorted(([a], [b]) => byAge(a!, b!)) : live).map(viewOf);
  }

  /** Runs one call at a time under a key. */
  private async once<T>({ tenantId, idempotencyKey }: ChangeCall, work: () => Promise<T>): Promise<T> {
    if (idempotencyKey === null) {
      return work();
    }
    const key = `${tenantId} ${idempotencyKey}`;
    if (this.inFlight.has(key)) {
      throw new IdempotencyKeyInFlightError();
    }
    this.inFlight.add(key);
    try {
      return await work();
    } finally {
      this.inFlight.delete(key);
    }
  }
}

type Idempotency = ChangeNote['idempotency'];

function idempotencyOf({ route, idempotencyKey }: ChangeCall, { body }: ChangeRequest): Idempotency {
  const requestHash = createHash('sha256')
    .update(JSON.stringify([route, body]))
    .digest('base64url');
  return idempotencyKey === null ? null : { key: idempotencyKey, requestHash };
}

/** The decision with its record. What changes nothing is recorded only if a repetition may ask for it. */
function noted(
  decision: ChangeDecision,
  note: Omit<ChangeNote, 'isChanged' | 'contactIds'>,
): ChangeDecision & { isChanged: boolean } {
  const isChanged = !isNothing(decision.writes);
  const isRecorded = isChanged || note.idempotency !== null;
  const change = isRecorded ? { ...note, isChanged, contactIds: decision.contactIds } : null;
  return { ...decision, isChanged, writes: { ...decision.writes, change } };
}

/** The rules that are told with a decision. @param drawn null: it is a dry run */
function toldRules(
  { existingRules = [], writes }: ChangeDecision,
  note: Pick<Rule, 'actor' | 'reason'> | null,
  drawn: Pick<Drawn, 'ruleIds' | 'now'> | null,
): ToldRule[] {
  const made = writes.rules.map((identifiers, i) => ({
    id: drawn?.ruleIds[i] ?? null,
    identifiers,
    createdAt: drawn?.now ?? null,
    actor: note?.actor ?? '',
    reason: note?.reason ?? null,
  }));
  return [...existingRules, ...made];
}

/**
 * The decision, if what it rests on is what `If-Match` names.
 *
 * @throws {PreconditionFailedError} otherwise, also if the decision is a refusal
 */
function decideIfMatching(
  ifMatch: string | null,
  snapshot: Snapshot,
  decide: (snapshot: Snapshot) => ChangeDecision,
  basis: ChangeRequest['basis'],
): ChangeDecision {
  const isMatching = (): boolean => ifMatch === null || namesTag(ifMatch, etagOf(snapshot, basis));
  let decision: ChangeDecision;
  try {
    decision = decide(snapshot);
  } catch (error) {
    throw isMatching() ? error : new PreconditionFailedError();
  }
  // Only with the rules that it asks for the snapshot is what the dry run rested on.
  if (!asksForMore(decision.writes) && !isMatching()) {
    throw new PreconditionFailedError();
  }
  return decision;
}

/**
 * A strong entity tag of all that a decision rests on. The version of a primary determines its identity, and the rules about
 * what it holds. What nobody holds has no version: there, it is whether it is reserved, and by which rules.
 */
function etagOf({ identities, reserved, rules }: Snapshot, more: ChangeRequest['basis'] = []): string {
  const basis = [
    ...more,
    ...identities.map(
      ({ primaryId, rows }) => `${primaryId} ${rows.find(({ id }) => id === primaryId)?.version}`,
    ),
    ...reserved.map(({ kind, value }) => JSON.stringify([kind, value])),
    ...rules.rules.map(({ id }) => `rule ${id}`),
  ].toSorted();
  return `"${createHash('sha256').update(basis.join(',')).digest('base64url').slice(0, 22)}"`;
}

/** Whether `If-Match` names an entity tag. A weak one names nothing. */
export function namesTag(ifMatch: string, etag: string): boolean {
  return ifMatch.split(',').some((tag) => ['*', etag].includes(tag.trim()));
}

import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Settings } from '../config/settings.js';
import { retryUnavailable } from '../database/session/unavailable.js';
import { InvalidRequestError } from '../http/problems/problem.errors.js';
import { readValue } from './api/dto/read-value.js';
import { ChangeWriter, type ChangeCall, type ChangeDecision } from './change-writer.js';
import { DecisionWriter } from './decision-writer.js';
import type { Held, Identifier, IdentityView, Snapshot } from './domain/contact.js';
import {
  erase,
  oneIdentifier,
  viewBefore,
  wholeIdentity,
  withOlderForms,
  type ErasureBasis,
  type Erasing,
} from './domain/erase.js';
import type { ErasureNote, ErasureScope } from './domain/writes.js';
import { ErasureKey } from './erasure-key.js';
import { NotFoundError, ContentionError, IdentifierNotFoundError } from './identity.errors.js';
import { HELD_MICROS } from './store/erasure-queries.js';
import { PolicyDirectory } from './policy-directory.js';
import {
  ErasureRecords,
  type ErasedTrace,
  type RecordedErasure,
  type RepeatableErasure,
} from './store/erasure-records.js';

/** How long one replica looks for what is left before another one may. */
const LEASE_MS = 300_000;
/** Contacts with traces whose identities are decided on together. */
const TRACES_AT_ONCE = 200;
/** How long who asks for an erasure waits until it is finished: a second for a million contacts. */
const FINISH_WITHIN_MS = 2_000;
/** How often an identifier is followed to another identity. */
const MAX_MOVES = 3;
/** A shorter value may be in a reason by chance. */
const TELLING_LENGTH = 6;

/** What to erase, and why. One of `contactId` and `identifier` is not null. */
export interface ErasureRequest {
  readonly contactId: number | null;
  readonly identifier: Identifier | null;
  readonly scope: ErasureScope;
  readonly blockedForDays: number;
  readonly reason: string;
}

/** What an erasure would do. */
export interface PlannedErasure {
  readonly contacts: number;
  readonly identifiers: number;
  /** Whom it is about; null: nobody has the identifier. */
  readonly identity: IdentityView | null;
  readonly etag: string | null;
}

/** Erases what is stored of a person. What each erasure changes is in the pure core. */
@Injectable()
export class ErasureService implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Erasures');
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Called when this process erased something of a tenant. */
  onErased: (tenantId: number) => void = () => undefined;

  constructor(
    private readonly changes: ChangeWriter,
    private readonly writer: DecisionWriter,
    private readonly records: ErasureRecords,
    private readonly key: ErasureKey,
    private readonly policies: PolicyDirectory,
    private readonly settings: Settings,
  ) {}

  beforeApplicationShutdown(): void {
    this.timers.forEach((timer) => clearTimeout(timer));
  }

  /**
   * Erases an identity, or an identifier wherever it is; see {@link erase}. What others store of it by chance is removed in
   * the background, and when the identifiers are free again, the erasure is done.
   *
   * @throws {ErasureNotConfiguredError} if there is no key for what it leaves
   * @throws {NotFoundError} if there never was such a contact
   * @throws {IdentifierNotFoundError} if an identity is to be erased and nobody has the identifier
   */
  async create(call: ChangeCall, request: ErasureRequest): Promise<RecordedErasure> {
    const { changeId } = await this.change(call, request);
    const made = changeId && (await retryUnavailable(() => this.records.find(call.tenantId, changeId)));
    if (!made) {
      throw new Error('an erasure was not recorded');
    }
    if (made.status === 'running') {
      this.onErased(call.tenantId);
      await this.policies.refresh(call.tenantId).catch(() => undefined);
      this.later(call.tenantId, made.id);
    }
    return made;
  }

  /** Tells what an erasure would do; throws as {@link create}. */
  async plan(call: ChangeCall, request: ErasureRequest): Promise<PlannedErasure> {
    const { planned } = await this.change(call, request);
    return planned;
  }

  /**
   * An erasure; takes it up if its time has come, and goes on with it if that takes longer than a moment.
   *
   * @throws {NotFoundError}
   */
  async find(tenantId: number, id: number): Promise<RecordedErasure> {
    const found = await retryUnavailable(() => this.records.find(tenantId, id));
    if (found === null) {
      throw new NotFoundError('erasure', id);
    }
    if (found.status === 'done') {
      return found;
    }
    const work = this.finish(tenantId, id).catch(() => false);
    const isFinished = await Promise.race([work, sleep(FINISH_WITHIN_MS, false, { ref: false })]);
    return isFinished ? ((await this.records.find(tenantId, id)) ?? found) : found;
  }

  /**
   * Looks for what an erasure left, removes it, and frees its identifiers. Another replica does the same if this one ends.
   *
   * @returns whether it was this process that finished it; false: it is done, too young, or somebody else works on it
   */
  async finish(tenantId: number, id: number): Promise<boolean> {
    const createdAt = await this.records.takeUp(tenantId, id, LEASE_MS);
    if (createdAt === null) {
      return false;
    }
    await this.removeTraces(tenantId, id, await this.records.identifiersOf(tenantId, id), createdAt);
    await this.records.finish(tenantId, id);
    return true;
  }

  /**
   * Makes an erasure again on a database that does not have it, such as a restored backup. What was recorded later stays.
   *
   * @param traces where its identifiers are, as far as they are stored
   * @returns how many contacts were removed or lost an identifier
   */
  async repeat(
    call: ChangeCall,
    erasure: RepeatableErasure,
    traces: readonly ErasedTrace[],
  ): Promise<number> {
    const { tenantId } = call;
    const identifiers = traces.map(({ identifier }) => identifier);
    const { scope, hashes, createdAt, blockedUntil } = erasure;
    const erasing = { contactIds: new Set(erasure.contactIds), identifiers, recordedUntil: createdAt };
    const note: ErasureNote = {
      scope,
      hashes,
      keyHash: this.key.ownHash,
      first: { erasedAt: createdAt, blockedUntil },
      blockedForDays: 0,
    };
    const named = [...erasure.contactIds, ...traces.flatMap(({ contactIds }) => [...contactIds])];
    const selection = {
      tenantId,
      evidenceOf: [...new Set(named)],
      sightings: identifiers.map((identifier) => ({ identifiers: [identifier] })),
      pastSince: null,
      isToErase: true,
    };
    let contacts = 0;
    const { changeId } = await this.changes.change(
      call,
      { kind: 'erasure', reason: 'Repeated after a restore', body: {} },
      selection,
      (snapshot) => {
        const { writes, contactIds } = erase(erasing, basisOf(snapshot), note);
        contacts = contactIds.length;
        return { writes, contactIds, identities: [] };
      },
    );
    const ids = (place: 'pastIds' | 'mergeIds'): number[] => [
      ...new Set(traces.flatMap((trace) => [...trace[place]])),
    ];
    await this.records.strip(
      tenantId,
      { contactIds: [], pastIds: ids('pastIds'), mergeIds: ids('mergeIds') },
      identifiers,
    );
    await this.records.finish(tenantId, changeId!);
    return contacts;
  }

  /** Erases, or plans to, after the identifier if it moves to another identity meanwhile. */
  private async change(
    call: ChangeCall,
    request: ErasureRequest,
  ): Promise<{ readonly changeId: number | null; readonly planned: PlannedErasure }> {
    const { tenantId } = call;
    const { identifier, reason } = request;
    // The record of the change has no personal data, and a plain hash of a phone number can be guessed.
    const body = { ...request, identifier: identifier && this.key.hashOf(identifier) };
    this.key.sign('');
    for (let moves = 0; moves < MAX_MOVES; moves++) {
      const contactId =
        identifier === null
          ? request.contactId
          : await retryUnavailable(() => this.records.holderOf(tenantId, identifier));
      const selection = {
        tenantId,
        evidenceOf: contactId === null ? [] : [contactId],
        sightings: identifier === null ? [] : [{ identifiers: [identifier] }],
        pastSince: null,
        isToErase: true,
      };
      let planned: PlannedErasure | null = null;
      try {
        const { changeId, etag } = await this.changes.change(
          call,
          { kind: 'erasure', reason, body },
          selection,
          (snapshot) => {
            const decided = this.decide(request, contactId, snapshot);
            planned = { ...decided.planned, etag: null };
            return decided.decision;
          },
        );
        return { changeId, planned: { ...planned!, etag } };
      } catch (error) {
        if (!(error instanceof MovedError)) {
          throw error;
        }
      }
    }
    throw new ContentionError();
  }

  private decide(
    request: ErasureRequest,
    contactId: number | null,
    snapshot: Snapshot,
  ): { readonly decision: ChangeDecision; readonly planned: Omit<PlannedErasure, 'etag'> } {
    const basis = basisOf(snapshot);
    const { identifier, scope, blockedForDays, reason } = request;
    const identity = basis.evidence.identities.at(0) ?? null;
    if (contactId === null ? scope === 'identity' : identity === null && identifier === null) {
      throw contactId === null ? new IdentifierNotFoundError() : new NotFoundError('contact', contactId);
    }
    const holder = identifier && holderOf(identifier, basis);
    const isElsewhere =
      holder !== null && identity?.contacts.some(({ id }) => id === holder.contactId) !== true;
    if (isElsewhere || (contactId !== null && identity === null)) {
      throw new MovedError();
    }
    const erasing: Erasing =
      scope === 'identity'
        ? wholeIdentity(contactId!, basis)
        : oneIdentifier(
            withOlderForms(identifier!, basis, (each) => this.formOf(basis, each)),
            identity ?? undefined,
            basis,
          );
    refuseTelling(reason, erasing.identifiers);
    const note: ErasureNote = {
      scope,
      hashes: erasing.identifiers.map((each) => this.key.hashOf(each)),
      keyHash: this.key.ownHash,
      blockedForDays,
    };
    const { writes, contactIds } = erase(erasing, basis, note);
    return {
      decision: { writes, contactIds, identities: [] },
      planned: {
        contacts: contactIds.length,
        identifiers: erasing.identifiers.length,
        identity: identity && viewBefore(identity),
      },
    };
  }

  private formOf({ policy: { kinds } }: ErasureBasis, { kind, value }: Identifier): string | null {
    const read = readValue(kinds.named(kind), value, this.settings);
    return 'mistake' in read ? null : read.value;
  }

  /** Takes identifiers out of everything that was recorded in time: of other identities, which had them before. */
  private async removeTraces(
    tenantId: number,
    id: number,
    identifiers: readonly Identifier[],
    recordedUntil: number,
  ): Promise<void> {
    if (identifiers.length === 0) {
      return;
    }
    const traces = await this.records.tracesOf(tenantId, identifiers, recordedUntil);
    const { contactIds } = traces;
    for (let at = 0; at < contactIds.length; at += TRACES_AT_ONCE) {
      const selection = {
        tenantId,
        evidenceOf: contactIds.slice(at, at + TRACES_AT_ONCE),
        sightings: [{ identifiers }],
        pastSince: null,
        isToErase: true,
      };
      await retryUnavailable(() =>
        this.writer.writeInTurn(selection, (snapshot) =>
          erase({ contactIds: new Set(), identifiers, recordedUntil }, basisOf(snapshot), id),
        ),
      );
    }
    await this.records.strip(tenantId, traces, identifiers);
  }

  /** Looks for what is left at once, and again when the identifiers become free. */
  private later(tenantId: number, id: number): void {
    const work = async (): Promise<void> => {
      const made = await this.records.find(tenantId, id);
      const identifiers = await this.records.identifiersOf(tenantId, id);
      await this.removeTraces(tenantId, id, identifiers, made!.createdAt);
    };
    const quietly = (promise: Promise<unknown>): void =>
      void promise.catch(() => this.logger.debug(`Erasure ${id} is not done; it is taken up again`));
    quietly(work());
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      quietly(this.finish(tenantId, id));
    }, HELD_MICROS / 1_000).unref();
    this.timers.add(timer);
  }
}

/** The identifier is in another identity by now. */
class MovedError extends Error {
  override readonly name = 'MovedError';
}

function basisOf(snapshot: Snapshot): ErasureBasis {
  const { evidence, held } = snapshot;
  if (evidence === undefined || held === undefined) {
    throw new Error('what an erasure rests on was not read');
  }
  return { ...snapshot, evidence, held };
}

/** Who has an identifier, or else its other form; null: nobody. */
function holderOf(identifier: Identifier, { held, policy: { kinds } }: ErasureBasis): Held | null {
  return (
    kinds.withOtherForms([identifier]).flatMap((form) => held.find((each) => isHeld(each, form)) ?? [])[0] ??
    null
  );
}

function isHeld({ kind, value, contactId }: Held, identifier: Identifier): boolean {
  return contactId !== null && kind === identifier.kind && value === identifier.value;
}

/** @throws {InvalidRequestError} if the reason, which stays, tells what is erased */
function refuseTelling(reason: string, identifiers: readonly Identifier[]): void {
  const text = reason.toLowerCase();
  if (identifiers.some(({ value }) => value.length >= TELLING_LENGTH && text.includes(value.toLowerCase()))) {
    throw new InvalidRequestError([
      { field: 'reason', message: 'reason must not contain what is to be erased, because it stays' },
    ]);
  }
}

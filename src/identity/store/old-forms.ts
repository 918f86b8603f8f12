import { InjectRepository } from '@mikro-orm/nestjs';
import { Injectable } from '@nestjs/common';
import { openSession } from '../../database/session/open-session.js';
import type { Query, Row, Statement, Transaction } from '../../database/session/sql-session.js';
import type { Identifier } from '../domain/contact.js';
import { EMAIL, PHONE_NUMBER, type Kinds } from '../domain/kinds.js';
import type { OldForm } from '../domain/old-form.js';
import type { Pair } from '../domain/reviews.js';
import { isSame } from '../domain/rules.js';
import type { ContactRepository } from './contact.repository.js';
import { CLOCK } from './contact.statements.js';
import { Contact } from './entities/contact.js';
import { distinctKeyColumns, identifiersOf, namedIn, pairColumns, pairOf } from './identifier-columns.js';
import * as sql from './renormalise.statements.js';
import { DECIDE_REVIEW, REVIEWS_OF } from './review.statements.js';
import { HOLDERS_OF } from './rule.statements.js';

/** Rows of a page: about 10 ms. */
const PAGE_ROWS = 2_000;
const UNIQUE_VIOLATION = '23505';

/** A record with identifiers, and its id. */
export interface Named {
  readonly id: number;
  readonly identifiers: readonly Identifier[];
}

/** A review and its pair. */
export interface NamedReview extends Named {
  readonly identifiers: Pair;
}

/** How pages are read. */
export interface Reading {
  readonly tenantId: number;
  /** Where the tables are, if the temporary tables of a dry run hide them; null: they are not hidden. */
  readonly schema: string | null;
  /** Reads a page, and reads it again if the database can't serve. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Reads all identifiers that a tenant has stored, a page at a time, and gives records of the past other values: the sightings of
 * merges, and reviews. What contacts carry is changed by decisions.
 */
@Injectable()
export class OldForms {
  private readonly session = openSession(this.contacts.getEntityManager());

  constructor(@InjectRepository(Contact) private readonly contacts: ContactRepository) {}

  /** All identifiers of a kind that somebody has or that are reserved, in the order of their values. */
  async *identifiers(reading: Reading, kind: string): AsyncGenerator<readonly Identifier[]> {
    const { tenantId } = reading;
    const { number } = (await this.contacts.policyOf(tenantId)).kinds.named(kind);
    for (let last = '', read = PAGE_ROWS; read === PAGE_ROWS;) {
      const rows = await this.page(reading, [sql.IDENTIFIERS_AFTER, tenantId, number, last, PAGE_ROWS]);
      read = rows.length;
      last = (rows.at(-1)?.value as string | undefined) ?? last;
      yield rows.map(({ value }) => ({ kind, value: value as string }));
    }
  }

  /** The identifiers of all rules. */
  async *rules(reading: Reading): AsyncGenerator<readonly Named[]> {
    const { kinds } = await this.contacts.policyOf(reading.tenantId);
    yield* this.pages(reading, sql.RULES_AFTER, (row) => ({
      id: Number(row.id),
      identifiers: pairOf(kinds, row),
    }));
  }

  /** The sightings of all merges. */
  async *merges(reading: Reading): AsyncGenerator<readonly Named[]> {
    const { kinds } = await this.contacts.policyOf(reading.tenantId);
    yield* this.pages(reading, sql.MERGES_AFTER, (row) => ({
      id: Number(row.id),
      identifiers: identifiersOf(kinds, row),
    }));
  }

  /** All reviews. */
  async *reviews(reading: Reading): AsyncGenerator<readonly NamedReview[]> {
    const { kinds } = await this.contacts.policyOf(reading.tenantId);
    yield* this.pages(reading, sql.REVIEWS_AFTER, (row) => ({
      id: Number(row.id),
      identifiers: pairOf(kinds, row),
    }));
  }

  /** Those of the old forms that nobody has and no rule speaks of any more. */
  async gone(tenantId: number, oldForms: readonly OldForm[]): Promise<OldForm[]> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const [numbers, values] = distinctKeyColumns(kinds, [{ identifiers: oldForms }]);
    const there = namedIn(kinds, await this.session.query([HOLDERS_OF, tenantId, numbers, values], tenantId));
    return oldForms.filter((each) => !there.has(each));
  }

  /** Merges that have one of the old forms in their sighting have the normal form. */
  async renameInMerges(
    tenantId: number,
    mergeIds: readonly number[],
    oldForms: readonly OldForm[],
  ): Promise<void> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const others = oldForms.filter(({ kind }) => kind !== EMAIL.name && kind !== PHONE_NUMBER.name);
    await this.session.transaction(
      (transaction) =>
        transaction.commit([
          sql.RENAME_MERGES,
          tenantId,
          mergeIds,
          jsonOf(oldForms.filter(({ kind }) => kind === EMAIL.name)),
          jsonOf(oldForms.filter(({ kind }) => kind === PHONE_NUMBER.name)),
          jsonOf(
            others.map((each) => ({ ...each, value: `${kinds.named(each.kind).number}:${each.value}` })),
          ),
        ]),
      tenantId,
    );
  }

  /**
   * Gives the pair of a review other values. If both have one value then, what it asked for has happened. If there is a review of
   * the new pair, people need not be asked twice.
   *
   * @returns false if it stays as it is: there is another one, and somebody has decided on this one or opens that one just now
   */
  async renameReview(
    tenantId: number,
    { id, identifiers }: NamedReview,
    pair: Pair,
    changeId: number | null,
  ): Promise<boolean> {
    const { kinds } = await this.contacts.policyOf(tenantId);
    const isOne = isSame(...pair);
    const work = async (transaction: Transaction): Promise<boolean> => {
      const [rows = [], clock = []] = await transaction.send(
        [REVIEWS_OF, tenantId, ...pairColumns(kinds, isOne ? [] : [pair])],
        [CLOCK],
      );
      const [changed = []] = await transaction.commit(
        isOne
          ? [DECIDE_REVIEW, tenantId, id, 'link', changeId, Number(clock[0]!.now)]
          : rows.length > 0
            ? [sql.REMOVE_OPEN_REVIEW, tenantId, id]
            : [sql.RENAME_REVIEW, tenantId, id, ...valuesOf(kinds, identifiers), ...valuesOf(kinds, pair)],
      );
      return changed.length > 0;
    };
    try {
      return await this.session.transaction(work, tenantId);
    } catch (error) {
      if ((error as { code?: unknown }).code === UNIQUE_VIOLATION) {
        return false;
      }
      throw error;
    }
  }

  private async *pages<T extends Named>(
    reading: Reading,
    statement: Statement,
    read: (row: Row) => T,
  ): AsyncGenerator<readonly T[]> {
    for (let last = 0, count = PAGE_ROWS; count === PAGE_ROWS;) {
      const rows = await this.page(reading, [statement, reading.tenantId, last, PAGE_ROWS]);
      count = rows.length;
      const named = rows.map(read);
      last = named.at(-1)?.id ?? last;
      yield named;
    }
  }

  private async page(
    { tenantId, schema, attempt }: Reading,
    [statement, ...values]: Query,
  ): Promise<readonly Row[]> {
    const stored = schema === null ? statement : inSchema(statement, schema);
    return attempt(() => this.session.query([stored, ...values], tenantId));
  }
}

/** The normal forms, by the old ones. */
function jsonOf(oldForms: readonly Pick<OldForm, 'value' | 'to'>[]): string {
  return JSON.stringify(Object.fromEntries(oldForms.map(({ value, to }) => [value, to])));
}

/** The statement on the tables of a schema. */
function inSchema({ name, text }: Statement, schema: string): Statement {
  return { name: `${name}_stored`, text: text.replace(/\bfrom (?=[a-z])/, `from ${schema}.`) };
}

/** The values of a pair in the order in which reviews are stored. */
function valuesOf(kinds: Kinds, pair: Pair): [value: string, otherValue: string] {
  const [, [value], , [otherValue]] = pairColumns(kinds, [pair]);
  return [value!, otherValue!];
}

import type { ShownIdentity, IdentifyBody } from './wire.js';

export interface OracleContact extends IdentifyBody {
  readonly id: number;
  createdAt: number;
  linkedId: number | null;
  deletedAt: number | null;
}

export interface OracleMerge extends IdentifyBody {
  readonly survivorId: number;
  readonly mergedId: number;
}

/** The id and the time of the nth contact, counted from 1, which carries what the sighting brought. */
export type Stamp = (nth: number, sighting: IdentifyBody) => { id: number; createdAt: number };

/**
 * The whole service as section 1 of the design tells it: one sighting at a time, everything found by looking through
 * all contacts. Slow and without cleverness on purpose: it shares no idea with the core that it judges.
 *
 * @param stamp by default ids and times are 1, 2, 3, …; give times that repeat for ties
 */
export class Oracle {
  readonly contacts: OracleContact[] = [];
  readonly merges: OracleMerge[] = [];
  /** Every sighting as the names of its identifiers; the number at the end rises when the identifier is freed. */
  private readonly seen: string[][] = [];
  private readonly freed: string[] = [];

  constructor(private readonly stamp: Stamp = (nth) => ({ id: nth, createdAt: nth })) {}

  identify(sighting: IdentifyBody): ShownIdentity {
    const { email, phoneNumber } = sighting;
    this.seen.push(namesOf(sighting).map((name) => this.generation(name)));
    const byEmail = this.live().find((contact) => email !== null && contact.email === email);
    const byPhone = this.live().find(
      (contact) => phoneNumber !== null && contact.phoneNumber === phoneNumber,
    );
    const known = byEmail ?? byPhone;
    if (known === undefined) {
      return this.answer(this.insert(sighting, null));
    }
    if ((email !== null && byEmail === undefined) || (phoneNumber !== null && byPhone === undefined)) {
      this.insert(sighting, this.primaryOf(known).id);
    } else if (byEmail !== undefined && byPhone !== undefined) {
      if (this.join(this.primaryOf(byEmail), this.primaryOf(byPhone), sighting)) {
        this.dateHolders(sighting);
      } else {
        this.backdate(sighting);
      }
    } else {
      this.backdate(sighting);
    }
    this.promoteOldest(known);
    return this.answer(this.primaryOf(known));
  }

  delete(id: number): boolean {
    const contact = this.live().find((each) => each.id === id);
    if (contact === undefined) {
      return false;
    }
    const rest = this.identityOf(contact).filter((each) => each !== contact);
    contact.deletedAt = this.contacts.length;
    const heir = rest[0];
    if (contact.linkedId === null && heir !== undefined) {
      this.linkAll(contact.id, heir.id);
    }
    this.freed.push(...namesOf(contact).filter((name) => !rest.some((each) => namesOf(each).includes(name))));
    return true;
  }

  find(id: number): ShownIdentity | null {
    const contact = this.live().find((each) => each.id === id);
    return contact === undefined ? null : this.answer(this.primaryOf(contact));
  }

  /**
   * The identifiers that live together: `email:…` and `phoneNumber:…`, sorted.
   *
   * A second way, not by contacts but by sightings: the closure of "were presented together".
   */
  components(): string[][] {
    const leader = new Map<string, string>();
    const lead = (name: string): string => {
      const next = leader.get(name) ?? name;
      return next === name ? name : lead(next);
    };
    for (const names of this.seen) {
      for (const name of names) {
        leader.set(lead(name), lead(names[0] ?? name));
      }
    }
    const current = [...new Set(this.seen.flat())].filter((name) => this.generation(bare(name)) === name);
    const groups = Map.groupBy(current, lead);
    return sorted([...groups.values()].map((names) => names.map(bare)));
  }

  private live(): OracleContact[] {
    return this.contacts.filter(({ deletedAt }) => deletedAt === null);
  }

  /** A dated sighting that was the first to have one of its identifiers has a contact of its date that carries just what it had. */
  private backdate(sighting: IdentifyBody): void {
    const { email, phoneNumber, createdAt = Infinity } = sighting;
    const first = (names: (contact: OracleContact) => boolean): number =>
      Math.min(
        ...this.live()
          .filter(names)
          .map((contact) => contact.createdAt),
      );
    const isFirst =
      (email !== null && first((contact) => contact.email === email) > createdAt) ||
      (phoneNumber !== null && first((contact) => contact.phoneNumber === phoneNumber) > createdAt);
    if (!isFirst) {
      return;
    }
    const [same] = this.live()
      .filter((contact) => contact.email === email && contact.phoneNumber === phoneNumber)
      .toSorted(older);
    if (same === undefined) {
      const carrier = this.live().find(
        (contact) =>
          contact.email === (email ?? contact.email) &&
          (email !== null || contact.phoneNumber === phoneNumber),
      )!;
      this.insert(sighting, this.primaryOf(carrier).id);
    } else {
      same.createdAt = createdAt;
    }
  }

  /** After a merge, which makes no contact, the oldest contact with each identifier is at least as old as the sighting. */
  private dateHolders({ email, phoneNumber, createdAt = Infinity }: IdentifyBody): void {
    const oldest = (isCarrier: (contact: OracleContact) => boolean): OracleContact =>
      this.live().filter(isCarrier).toSorted(older)[0]!;
    for (const holder of [
      oldest((contact) => contact.email === email),
      oldest((contact) => contact.phoneNumber === phoneNumber),
    ]) {
      holder.createdAt = Math.min(holder.createdAt, createdAt);
    }
  }

  private promoteOldest(contact: OracleContact): void {
    const primary = this.primaryOf(contact);
    const [oldest] = this.identityOf(contact);
    if (oldest !== undefined && oldest !== primary) {
      this.linkAll(primary.id, oldest.id);
    }
  }

  private insert(sighting: IdentifyBody, linkedId: number | null): OracleContact {
    const { email, phoneNumber, createdAt } = sighting;
    const stamp = this.stamp(this.contacts.length + 1, sighting);
    const contact = {
      id: stamp.id,
      createdAt: createdAt ?? stamp.createdAt,
      email,
      phoneNumber,
      linkedId,
      deletedAt: null,
    };
    this.contacts.push(contact);
    return contact;
  }

  private primaryOf(contact: OracleContact): OracleContact {
    return this.contacts.find(({ id }) => id === contact.linkedId) ?? contact;
  }

  /** Its live contacts, the oldest first. */
  private identityOf(contact: OracleContact): OracleContact[] {
    const primary = this.primaryOf(contact);
    return this.live()
      .filter((each) => this.primaryOf(each) === primary)
      .toSorted(older);
  }

  private join(one: OracleContact, other: OracleContact, { email, phoneNumber }: IdentifyBody): boolean {
    const [survivor, merged] = [one, other].toSorted(older);
    if (survivor !== undefined && merged !== undefined && survivor !== merged) {
      this.linkAll(merged.id, survivor.id);
      this.merges.push({ survivorId: survivor.id, mergedId: merged.id, email, phoneNumber });
      return true;
    }
    return false;
  }

  /** Links a primary and all that links to it, deleted contacts too, to another contact. */
  private linkAll(primaryId: number, newPrimaryId: number): void {
    for (const contact of this.contacts) {
      if (contact.id === primaryId || contact.linkedId === primaryId) {
        contact.linkedId = contact.id === newPrimaryId ? null : newPrimaryId;
      }
    }
  }

  private answer(contact: OracleContact): ShownIdentity {
    const primary = this.primaryOf(contact);
    const secondaries = this.identityOf(contact).filter((each) => each !== primary);
    const all = [primary, ...secondaries];
    const emails = all.map(({ email }) => email).filter((email) => email !== null);
    const phoneNumbers = all.map(({ phoneNumber }) => phoneNumber).filter((phone) => phone !== null);
    return {
      primaryContactId: primary.id,
      emails: emails.filter((email, index) => emails.indexOf(email) === index),
      phoneNumbers: phoneNumbers.filter((phone, index) => phoneNumbers.indexOf(phone) === index),
      secondaryContactIds: secondaries.map(({ id }) => id),
    };
  }

  /** A freed identifier that is seen again is somebody else's: `email:a#0`, then `email:a#1`, … */
  private generation(name: string): string {
    return `${name}#${this.freed.filter((each) => each === name).length}`;
  }
}

function older(a: OracleContact, b: OracleContact): number {
  return a.createdAt - b.createdAt || a.id - b.id;
}

function namesOf({ email, phoneNumber }: IdentifyBody): string[] {
  return [
    ...(email === null ? [] : [`email:${email}`]),
    ...(phoneNumber === null ? [] : [`phoneNumber:${phoneNumber}`]),
  ];
}

function bare(name: string): string {
  return name.slice(0, name.lastIndexOf('#'));
}

function sorted(groups: string[][]): string[][] {
  return groups.map((group) => group.toSorted()).toSorted((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
}

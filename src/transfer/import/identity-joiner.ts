import type { Identifier, Sighting } from '../../identity/domain/contact.js';
import { carries } from '../../identity/domain/contact.js';
import type { InputRow } from './row-maker.js';

/** A sighting of a row, in the order in which they are decided. */
export interface Step {
  readonly row: InputRow;
  readonly sighting: Sighting;
  /** The line of the row that it must join; null: none. */
  readonly joinsLine: number | null;
}

/** Whom the rows of one identity are known by. */
interface Known {
  /** The line of the first of them */
  readonly line: number;
  readonly identifier: Identifier;
}

/** Leaves out what is blocked or erased. */
type Admit = (sightings: readonly Sighting[]) => Promise<readonly Sighting[]>;

/**
 * Turns rows into sightings, so that a row is one person, and so are all rows with one value of the identity column, wherever
 * they stand in the input. A sighting has at most one identifier of a kind: what does not fit into the first one of a row becomes
 * a sighting of its own, which is the same as the strongest identifier of the row. That of an identity is the strongest one of
 * its first row.
 *
 * Keeps an identifier for each value of the identity column: about 120 MB for a million.
 */
export class IdentityJoiner {
  /** By value of the identity column; line, kind and value as one text, which takes the least memory */
  private readonly people = new Map<string, string>();

  constructor(private readonly admit: Admit) {}

  /** The sightings of some rows. */
  async stepsOf(rows: readonly InputRow[]): Promise<Step[]> {
    const taken = rows.filter(({ sighting }) => sighting !== null);
    if (taken.every(({ identity, further }) => identity === null && further.length === 0)) {
      return taken.map((row) => ({ row, sighting: row.sighting!, joinsLine: null }));
    }
    const admitted = await this.admit(taken.flatMap(sightingsOf));
    let at = 0;
    return taken.flatMap((row) => {
      const usable = admitted.slice(at, (at += 1 + row.further.length));
      return this.join(row, usable);
    });
  }

  /** @param usable its sightings without what policy leaves out */
  private join(row: InputRow, usable: readonly Sighting[]): Step[] {
    const known = row.identity === null ? null : this.find(row.identity);
    let own: Identifier | null = null;
    const steps = sightingsOf(row).map((sighting, i): Step => {
      const strongest = usable[i]!.identifiers[0] ?? null;
      const sameAs = own ?? known?.identifier ?? null;
      const joinsLine = own === null ? (known?.line ?? null) : row.line;
      own ??= strongest;
      return sameAs === null || strongest === null || carries(usable[i]!, sameAs)
        ? { row, sighting, joinsLine: null }
        : { row, sighting: { ...sighting, sameAs }, joinsLine };
    });
    if (row.identity !== null && known === null && own !== null) {
      this.keep(row.identity, { line: row.line, identifier: own });
    }
    return steps;
  }

  private find(identity: string): Known | null {
    const [, line, kind = '', value = ''] = /^(\d+) (\S+) (.*)$/s.exec(this.people.get(identity) ?? '') ?? [];
    return line === undefined ? null : { line: Number(line), identifier: { kind, value } };
  }

  private keep(identity: string, { line, identifier: { kind, value } }: Known): void {
    this.people.set(detached(identity), detached(`${line} ${kind} ${value}`));
  }
}

function sightingsOf({ sighting, further }: InputRow): Sighting[] {
  return [sighting!, ...further];
}

/** A copy: a part of a text keeps the whole of it in memory, and a field is a part of the input. */
function detached(text: string): string {
  const encoding = /^[\0-\xFF]*$/.test(text) ? 'latin1' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}

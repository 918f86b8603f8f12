import { hierarchy, tree } from 'd3-hierarchy';
import type { Contact, Edge, Evidence, Identifier } from '../../clients/typescript/src/index.js';

/** So many contacts have a box each; more than this nobody can read, and the browser would be slow. */
const MAX_CONTACTS = 200;
/** Of more contacts, this many have a box of their own, and as many boxes stand for the others. */
const MAX_OWN = 40;
/** About the width of a character and the height of a line, in pixels. */
const CHARACTER = 7;
const LINE = 19;
/** The text on a line is smaller. */
const LABEL_CHARACTER = 6;
/** Of the text on a line; what is longer is in the table. */
const MAX_LABEL = 34;
const GAP = 18;

/** A contact in the tree of evidence, with the edge by which it came. */
export interface Branch {
  readonly contact: Contact;
  /** null: the first contact. */
  readonly edge: Edge | null;
  readonly children: Branch[];
  /** How many contacts came by it, itself included. */
  size: number;
}

/** A box of the picture: a contact, or several that came by the same one. */
export interface Box {
  readonly id: string;
  /** null: it stands for several. */
  readonly contact: Contact | null;
  readonly title: string;
  readonly lines: readonly string[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Line {
  readonly from: Box;
  readonly to: Box;
  /** null: to a box of several. */
  readonly edge: Edge | null;
  readonly label: string;
}

export interface Picture {
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

/**
 * The contacts as a tree, the first one at its root, in the order in which they came.
 *
 * @param hasDeleted false: without the deleted contacts, but for those that join live ones
 */
export function branchesOf({ contacts, edges }: Evidence, hasDeleted: boolean): Branch[] {
  const edgesOf = new Map<number, Edge[]>(contacts.map(({ id }) => [id, []]));
  for (const edge of edges) {
    edgesOf.get(edge.from)?.push(edge);
    edgesOf.get(edge.to)?.push(edge);
  }
  const gone = hasDeleted ? new Set<number>() : uselessDeleted(contacts, edgesOf);
  const byId = new Map(contacts.map((contact) => [contact.id, contact]));
  const branches: Branch[] = [];
  const seen = new Set(gone);
  for (const root of contacts) {
    const waiting: Branch[] = seen.has(root.id) ? [] : [branchOf(root, null)];
    seen.add(root.id);
    for (const branch of waiting) {
      branches.push(branch);
      for (const edge of edgesOf.get(branch.contact.id)!) {
        const contact = byId.get(edge.from === branch.contact.id ? edge.to : edge.from);
        if (contact !== undefined && !seen.has(contact.id)) {
          seen.add(contact.id);
          const child = branchOf(contact, edge);
          branch.children.push(child);
          waiting.push(child);
        }
      }
    }
  }
  for (const branch of branches.toReversed()) {
    branch.size += branch.children.reduce((sum, { size }) => sum + size, 0);
  }
  return branches;
}

function branchOf(contact: Contact, edge: Edge | null): Branch {
  return { contact, edge, children: [], size: 1 };
}

/** The deleted contacts that join no two others. */
function uselessDeleted(
  contacts: readonly Contact[],
  edgesOf: ReadonlyMap<number, readonly Edge[]>,
): Set<number> {
  const byId = new Map(contacts.map((contact) => [contact.id, contact]));
  const degrees = new Map([...edgesOf].map(([id, edges]) => [id, edges.length]));
  const isUseless = (id: number): boolean => byId.get(id)?.deletedAt !== null && degrees.get(id)! <= 1;
  const gone = new Set<number>();
  const waiting = contacts.map(({ id }) => id).filter(isUseless);
  for (const id of waiting) {
    gone.add(id);
    for (const { from, to } of edgesOf.get(id)!) {
      const other = from === id ? to : from;
      degrees.set(other, degrees.get(other)! - 1);
      if (!gone.has(other) && isUseless(other)) {
        waiting.push(other);
      }
    }
  }
  return gone;
}

interface Part {
  readonly id: string;
  /** null: the contacts below the parent that have no box of their own. */
  readonly branch: Branch | null;
  readonly hidden: number;
  readonly parts: Part[];
}

/** Where to draw each contact. Of many contacts, those that most came by have a box of their own, and the others share one. */
export function pictureOf(branches: readonly Branch[]): Picture {
  const own = branches.length > MAX_CONTACTS ? branchesWithBox(branches[0]!) : new Set(branches);
  const root = hierarchy(partOf(branches[0]!, own), ({ parts }) => parts);
  const texts = root.descendants().map(({ data, parent }) => ({
    title: data.branch === null ? `${data.hidden} contacts` : `Contact ${data.branch.contact.id}`,
    lines:
      data.branch === null
        ? [`that came by contact ${parent!.data.branch!.contact.id}`]
        : valuesOfContact(data.branch.contact).map(({ value }) => value),
    label: data.branch?.edge ? shortened(labelOf(data.branch.edge)) : '',
  }));
  const longest = Math.max(
    ...texts.flatMap(({ title, lines }) => [title, ...lines].map(({ length }) => length)),
  );
  const width = 30 + CHARACTER * Math.min(MAX_LABEL, longest);
  const height = 14 + LINE * (1 + Math.max(...texts.map(({ lines }) => lines.length)));
  const gap = 50 + LABEL_CHARACTER * Math.max(...texts.map(({ label }) => label.length));
  tree<Part>()
    .nodeSize([height + GAP, width + gap])
    .separation(() => 1)(root);
  // the library draws from top to bottom, with the root in the middle
  const top = Math.min(...root.descendants().map(({ x }) => x!));
  const boxes = new Map(
    root.descendants().map((node, i) => {
      const { id, branch } = node.data;
      const { title, lines } = texts[i]!;
      const [x, y] = [node.y!, node.x! - top];
      return [node, { id, contact: branch?.contact ?? null, title, lines, x, y, width, height }] as const;
    }),
  );
  return {
    width: width + Math.max(...root.descendants().map(({ y }) => y!)),
    height: height + Math.max(...root.descendants().map(({ x }) => x! - top)),
    boxes: [...boxes.values()],
    lines: [...boxes].flatMap(([node, to], i) =>
      node.parent === null
        ? []
        : [
            {
              from: boxes.get(node.parent)!,
              to,
              edge: node.data.branch?.edge ?? null,
              label: texts[i]!.label,
            },
          ],
    ),
  };
}

/** Those that most contacts came by. Each needs a box, and one for what came by it and has none. */
function branchesWithBox(root: Branch): ReadonlySet<Branch> {
  const own = new Set<Branch>([root]);
  let candidates = root.children.filter(({ size }) => size > 1);
  while (own.size < MAX_OWN && candidates.length > 0) {
    const largest = candidates.reduce((most, each) => (each.size > most.size ? each : most));
    candidates = [...candidates, ...largest.children].filter((each) => each !== largest && each.size > 1);
    own.add(largest);
  }
  return own;
}

function partOf(branch: Branch, own: ReadonlySet<Branch>): Part {
  const { contact, children } = branch;
  const others = children.filter((child) => !own.has(child));
  const hidden = others.reduce((sum, { size }) => sum + size, 0);
  const shown = hidden === 1 ? children : children.filter((child) => own.has(child));
  const parts = shown.map((child) => partOf(child, own));
  if (hidden > 1) {
    parts.push({ id: `of-${contact.id}`, branch: null, hidden, parts: [] });
  }
  return { id: String(contact.id), branch, hidden: 0, parts };
}

function labelOf({ identifiers, cause }: Edge): string {
  return (
    identifiers.map(({ value }) => value).join(' + ') || (cause === 'manual' ? 'by hand' : (cause ?? ''))
  );
}

function shortened(text: string): string {
  return text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text;
}

/** The values of a contact, in the order of the API. */
export function valuesOfContact({ email, phoneNumber, identifiers = {} }: Contact): Identifier[] {
  return [
    { kind: 'email', value: email },
    { kind: 'phoneNumber', value: phoneNumber },
    ...Object.entries(identifiers).map(([kind, value]) => ({ kind, value })),
  ].filter((each): each is Identifier => each.value !== null);
}

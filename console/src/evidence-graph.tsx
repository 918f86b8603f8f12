import '@xyflow/react/dist/style.css';
import './evidence-graph.css';
import dagre from '@dagrejs/dagre';
import { useMantineColorScheme } from '@mantine/core';
import {
  Background,
  Controls,
  Handle,
  Position,
  ReactFlow,
  type Edge as FlowEdge,
  type Node,
  type NodeProps,
} from '@xyflow/react';
import { useMemo } from 'react';
import type { Contact, Edge } from '../../clients/typescript/src/index.js';
import { valuesOfContact } from './evidence-tab.js';

/** More than this nobody can read, and the browser would be slow. */
const MAX_NODES = 200;
/** Fits into a lower picture. */
const SMALL = 4;
/** About the width of a character, in pixels. */
const CHARACTER = 7;
/** Of the text on a line; what is longer is in the table. */
const MAX_LABEL = 34;
const HEIGHT = 64;

interface Props {
  readonly contacts: readonly Contact[];
  readonly edges: readonly Edge[];
  readonly chosen: ReadonlySet<number>;
  /** null: nothing can be chosen. */
  readonly onToggle: ((id: number) => void) | null;
}

type ContactNode = Node<{
  readonly title: string;
  readonly lines: readonly string[];
  readonly isChosen: boolean;
  readonly isDeleted: boolean;
  /** false: it stands for several. */
  readonly isContact: boolean;
  /** null: it can't be chosen. */
  readonly onToggle: (() => void) | null;
}>;

/** The contacts of an identity and what joined them, as a tree. The table beside it says the same in words. */
export default function EvidenceGraph({ contacts, edges, chosen, onToggle }: Props) {
  const { colorScheme } = useMantineColorScheme();
  const picture = useMemo(() => draw(contacts, edges), [contacts, edges]);
  const nodes = picture.nodes.map((node) => ({
    ...node,
    data: {
      ...node.data,
      isChosen: chosen.has(Number(node.id)),
      onToggle: node.data.isContact && onToggle !== null ? () => onToggle(Number(node.id)) : null,
    },
  }));
  return (
    <div
      className="evidence-graph"
      data-small={contacts.length <= SMALL}
      role="group"
      aria-label="Graph of the evidence; the table below says the same"
    >
      <ReactFlow
        nodes={nodes}
        edges={[...picture.edges]}
        nodeTypes={NODE_TYPES}
        colorMode={colorScheme === 'auto' ? 'system' : colorScheme}
        fitView
        fitViewOptions={{ maxZoom: 1, padding: 0.15 }}
        minZoom={0.1}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        nodesFocusable={false}
        elementsSelectable={false}
        proOptions={{ hideAttribution: true }}
      >
        <Background />
        <Controls showInteractive={false} />
      </ReactFlow>
      {picture.hidden > 0 && (
        <p className="evidence-hidden">{picture.hidden} contacts are only in the table below.</p>
      )}
    </div>
  );
}

const NODE_TYPES = { contact: ContactBox };

function ContactBox({ data: { title, lines, isChosen, isDeleted, onToggle } }: NodeProps<ContactNode>) {
  const text = (
    <>
      <strong>
        {title}
        {isChosen && ' ✓'}
      </strong>
      {lines.map((line) => (
        <span key={line}>{line}</span>
      ))}
    </>
  );
  return (
    <div className="contact-box" data-chosen={isChosen} data-deleted={isDeleted}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      {onToggle === null || isDeleted ? (
        text
      ) : (
        <button type="button" aria-pressed={isChosen} onClick={onToggle}>
          {text}
        </button>
      )}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

interface Picture {
  readonly nodes: readonly ContactNode[];
  readonly edges: readonly FlowEdge[];
  /** Contacts that are not drawn. */
  readonly hidden: number;
}

/** Lays the tree out. Of a large identity, contacts that nothing else attached to are drawn as one box for each that they attached to. */
function draw(contacts: readonly Contact[], edges: readonly Edge[]): Picture {
  const boxes =
    contacts.length > MAX_NODES ? grouped(contacts, edges) : contacts.map((contact) => boxOf(contact));
  const shown = boxes.slice(0, MAX_NODES);
  const drawn = new Map(shown.flatMap(({ members, id }) => members.map((member) => [member, id] as const)));
  const lines = new Map<string, FlowEdge>();
  for (const { from, to, identifiers, type, cause } of edges) {
    const [source, target] = [drawn.get(Math.min(from, to)), drawn.get(Math.max(from, to))];
    if (source !== undefined && target !== undefined && source !== target) {
      const label =
        identifiers.map(({ value }) => value).join(' + ') || (cause === 'manual' ? 'by hand' : cause);
      const id = `${source}-${target}`;
      lines.set(id, { id, source, target, label: shortened(label), className: `edge-${type}` });
    }
  }
  return {
    nodes: placed(shown, [...lines.values()]),
    edges: [...lines.values()],
    hidden: boxes.slice(MAX_NODES).reduce((sum, { members }) => sum + members.length, 0),
  };
}

function shortened(text = ''): string {
  return text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text;
}

interface Box {
  readonly id: string;
  readonly members: readonly number[];
  readonly title: string;
  readonly lines: readonly string[];
  readonly isDeleted: boolean;
}

function boxOf(contact: Contact): Box {
  return {
    id: String(contact.id),
    members: [contact.id],
    title: `Contact ${contact.id}`,
    lines: valuesOfContact(contact).map(({ value }) => value),
    isDeleted: contact.deletedAt !== null,
  };
}

function grouped(contacts: readonly Contact[], edges: readonly Edge[]): Box[] {
  const degree = new Map<number, number>();
  const neighbour = new Map<number, number>();
  for (const { from, to } of edges) {
    degree.set(from, (degree.get(from) ?? 0) + 1);
    degree.set(to, (degree.get(to) ?? 0) + 1);
    neighbour.set(from, to).set(to, from);
  }
  const isLeaf = ({ id }: Contact): boolean =>
    degree.get(id) === 1 && (degree.get(neighbour.get(id)!) ?? 0) > 1;
  const leaves = Map.groupBy(contacts.filter(isLeaf), ({ id }) => neighbour.get(id)!);
  return [
    ...contacts.filter((contact) => !isLeaf(contact)).map(boxOf),
    ...[...leaves].map(([id, members]) =>
      members.length === 1
        ? boxOf(members[0]!)
        : {
            id: `of-${id}`,
            members: members.map((member) => member.id),
            title: `${members.length} contacts`,
            lines: [`that attached to contact ${id}`],
            isDeleted: false,
          },
    ),
  ].toSorted((a, b) => b.members.length - a.members.length);
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}

function placed(boxes: readonly Box[], lines: readonly FlowEdge[]): ContactNode[] {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: 'LR',
    ranksep: 40 + CHARACTER * longest(lines.map(({ label }) => (typeof label === 'string' ? label : ''))),
    nodesep: 18,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  const width =
    30 + CHARACTER * Math.min(MAX_LABEL, longest(boxes.flatMap((box) => [box.title, ...box.lines])));
  boxes.forEach(({ id }) => graph.setNode(id, { width, height: HEIGHT }));
  lines.forEach(({ source, target }) => graph.setEdge(source, target));
  dagre.layout(graph);
  return boxes.map(({ id, title, lines: texts, isDeleted, members }) => {
    const { x, y } = graph.node(id) as { x: number; y: number };
    return {
      id,
      type: 'contact',
      position: { x: x - width / 2, y: y - HEIGHT / 2 },
      width,
      data: {
        title,
        lines: texts,
        isDeleted,
        isContact: members.length === 1,
        isChosen: false,
        onToggle: null,
      },
    };
  });
}

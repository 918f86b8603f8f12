import '@xyflow/react/dist/style.css';
import './evidence-graph.css';
import { useMantineColorScheme } from '@mantine/core';
import {
  Background,
  Controls,
  getBezierPath,
  Handle,
  Position,
  ReactFlow,
  type Edge as FlowEdge,
  type EdgeProps,
  type Node,
  type NodeProps,
} from '@xyflow/react';
import { createContext, use, useMemo } from 'react';
import type { Edge } from '../../clients/typescript/src/index.js';
import { edgeText } from './edge-text.js';
import { pictureOf, type Box, type Branch, type Line, type Picture } from './evidence-tree.js';
import { momentText } from './parts.js';

interface Choice {
  readonly chosen: ReadonlySet<number>;
  readonly onToggle: (id: number) => void;
  /** The edges of the way between two contacts. */
  readonly way: readonly Edge[];
}

interface Props extends Choice {
  readonly branches: readonly Branch[];
}

type BoxNode = Node<{ readonly box: Box }>;
type LineEdge = FlowEdge<{ readonly line: Line }>;

// Boxes and lines read what is chosen by themselves: with other props for each, the library would lay all of them out again.
const ChoiceContext = createContext<Choice>({ chosen: new Set(), onToggle: () => undefined, way: [] });

/** The contacts of an identity and what joined them, as a tree. The table beside it says the same in words. */
export default function EvidenceGraph({ branches, chosen, onToggle, way }: Props) {
  const { colorScheme } = useMantineColorScheme();
  const { nodes, edges } = useMemo(() => flowOf(pictureOf(branches)), [branches]);
  const choice = useMemo(() => ({ chosen, onToggle, way }), [chosen, onToggle, way]);
  return (
    <div
      className="evidence-graph"
      data-size={nodes.length <= SMALL ? 'small' : nodes.length > LARGE ? 'large' : undefined}
      role="group"
      aria-label="Graph of the evidence; the table below says the same"
    >
      <ChoiceContext value={choice}>
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          colorMode={colorScheme === 'auto' ? 'system' : colorScheme}
          fitView
          fitViewOptions={FIT}
          minZoom={0.05}
          nodesDraggable={false}
          nodesConnectable={false}
          edgesFocusable={false}
          nodesFocusable={false}
          elementsSelectable={false}
          proOptions={{ hideAttribution: true }}
        >
          <Background />
          <Controls showInteractive={false} fitViewOptions={FIT} />
        </ReactFlow>
      </ChoiceContext>
    </div>
  );
}

/** So many boxes fit into a lower picture; more than the other number want a higher one. */
const SMALL = 4;
const LARGE = 20;
const FIT = { maxZoom: 1, padding: 0.1 };
const NODE_TYPES = { contact: ContactBox };
const EDGE_TYPES = { evidence: EvidenceLine };

/** For the library, with all sizes, so that it need not measure anything. */
function flowOf({ boxes, lines }: Picture): { nodes: BoxNode[]; edges: LineEdge[] } {
  return {
    nodes: boxes.map((box) => ({
      id: box.id,
      type: 'contact',
      position: { x: box.x, y: box.y },
      width: box.width,
      height: box.height,
      handles: [
        { type: 'target', position: Position.Left, x: 0, y: box.height / 2 },
        { type: 'source', position: Position.Right, x: box.width, y: box.height / 2 },
      ],
      data: { box },
    })),
    edges: lines.map((line) => ({
      id: `${line.from.id}-${line.to.id}`,
      type: 'evidence',
      source: line.from.id,
      target: line.to.id,
      data: { line },
    })),
  };
}

function ContactBox({
  data: {
    box: { contact, title, lines },
  },
}: NodeProps<BoxNode>) {
  const { chosen, onToggle } = use(ChoiceContext);
  const isDeleted = contact !== null && contact.deletedAt !== null;
  const isChosen = contact !== null && chosen.has(contact.id);
  const text = (
    <>
      <strong>
        {title}
        {isDeleted && ' (deleted)'}
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
      {contact === null || isDeleted ? (
        text
      ) : (
        <button type="button" aria-pressed={isChosen} onClick={() => onToggle(contact.id)}>
          {text}
        </button>
      )}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

function EvidenceLine({ data, ...ends }: EdgeProps<LineEdge>) {
  const { way } = use(ChoiceContext);
  const { edge, label } = data!.line;
  const [path] = getBezierPath(ends);
  const isOnWay = edge !== null && way.some(({ from, to }) => isBetween(edge, from, to));
  return (
    <g className="evidence-line" data-type={edge?.type} data-way={isOnWay}>
      {edge !== null && (
        <title>
          {edgeText(edge, Number(ends.target))} {momentText(edge.at)}
        </title>
      )}
      <path className="react-flow__edge-path" d={path} />
      {label !== '' && (
        <text x={ends.targetX - 8} y={ends.targetY + 4}>
          {label}
        </text>
      )}
    </g>
  );
}

function isBetween(edge: Edge, one: number, other: number): boolean {
  return (edge.from === one && edge.to === other) || (edge.from === other && edge.to === one);
}

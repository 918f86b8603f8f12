import '@xyflow/react/dist/style.css';
import './evidence-graph.css';
import { useMantineColorScheme } from '@mantine/core';
import {
  Background,
  Controls,
  getBezierPath,
  Position,
  ReactFlow,
  useReactFlow,
  useStore,
  useStoreApi,
  type Node,
  type NodeProps,
} from '@xyflow/react';
import { createContext, memo, use, useCallback, useMemo, type CSSProperties } from 'react';
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

type PictureNode = Node<{ readonly picture: Picture }>;

// The picture reads what is chosen by itself: through the library it would come a frame later.
const ChoiceContext = createContext<Choice>({ chosen: new Set(), onToggle: () => undefined, way: [] });

/** The contacts of an identity and what joined them, as a tree. The table beside it says the same in words. */
export function EvidenceGraph({ branches, chosen, onToggle, way }: Props) {
  const { colorScheme } = useMantineColorScheme();
  const picture = useMemo(() => pictureOf(branches), [branches]);
  // One node for all of it: the library watches the size, the place and the handles of each, which took half of the time.
  const nodes = useMemo(() => [nodeOf(picture)], [picture]);
  const choice = useMemo(() => ({ chosen, onToggle, way }), [chosen, onToggle, way]);
  const { length } = picture.boxes;
  return (
    <div
      className="evidence-graph"
      data-size={length <= SMALL ? 'small' : length > LARGE ? 'large' : undefined}
      role="group"
      aria-label="Graph of the evidence; the table below says the same"
    >
      <ChoiceContext value={choice}>
        <ReactFlow
          nodes={nodes}
          nodeTypes={NODE_TYPES}
          colorMode={colorScheme === 'auto' ? 'system' : colorScheme}
          fitView
          fitViewOptions={FIT}
          minZoom={0.05}
          nodesDraggable={false}
          nodesConnectable={false}
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
/** As wide as a line is on the screen at least, in pixels. */
const MIN_LINE = 0.5;
const FIT = { maxZoom: 1, padding: 0.1 };
const NODE_TYPES = { picture: Drawing };

function nodeOf(picture: Picture): PictureNode {
  const { width, height } = picture;
  return { id: 'picture', type: 'picture', position: { x: 0, y: 0 }, width, height, data: { picture } };
}

function Drawing({
  data: {
    picture: { boxes, lines, width, height },
  },
}: NodeProps<PictureNode>) {
  const { chosen, onToggle, way } = use(ChoiceContext);
  const bringIntoView = useBringIntoView();
  // or they vanish in a large picture
  const lineWidth = useStore(({ transform: [, , zoom] }) => Math.max(1, MIN_LINE / zoom));
  return (
    <>
      <svg
        className="evidence-lines"
        width={width}
        height={height}
        style={{ '--line-width': lineWidth } as CSSProperties}
      >
        {lines.map((line) => (
          <EvidenceLine
            key={line.to.id}
            line={line}
            isOnWay={way.some((edge) => joinsSame(edge, line.edge))}
          />
        ))}
      </svg>
      {boxes.map((box) => (
        <ContactBox
          key={box.id}
          box={box}
          isChosen={box.contact !== null && chosen.has(box.contact.id)}
          onToggle={onToggle}
          onFocus={bringIntoView}
        />
      ))}
    </>
  );
}

function joinsSame({ from, to }: Edge, other: Edge | null): boolean {
  return (from === other?.from && to === other.to) || (from === other?.to && to === other.from);
}

/** Moves the picture to a box outside of its frame, which who goes on with the keyboard would not see. */
function useBringIntoView(): (box: Box) => void {
  const store = useStoreApi();
  const { setCenter } = useReactFlow();
  return useCallback(
    ({ x, y, width, height }) => {
      const { transform, ...frame } = store.getState();
      const [left, top, zoom] = transform;
      const isInside =
        x * zoom + left >= 0 &&
        y * zoom + top >= 0 &&
        (x + width) * zoom + left <= frame.width &&
        (y + height) * zoom + top <= frame.height;
      if (!isInside) {
        void setCenter(x + width / 2, y + height / 2, { zoom });
      }
    },
    [store, setCenter],
  );
}

interface BoxProps {
  readonly box: Box;
  readonly isChosen: boolean;
  readonly onToggle: (id: number) => void;
  readonly onFocus: (box: Box) => void;
}

const ContactBox = memo(function ContactBox({ box, isChosen, onToggle, onFocus }: BoxProps) {
  const { contact, title, lines, x, y, width, height } = box;
  const isDeleted = contact !== null && contact.deletedAt !== null;
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
    <div
      className="contact-box"
      data-chosen={isChosen}
      data-deleted={isDeleted}
      style={{ left: x, top: y, width, height }}
    >
      {contact === null || isDeleted ? (
        text
      ) : (
        <button
          type="button"
          aria-pressed={isChosen}
          onClick={() => onToggle(contact.id)}
          onFocus={({ currentTarget }) => currentTarget.matches(':focus-visible') && onFocus(box)}
        >
          {text}
        </button>
      )}
    </div>
  );
});

interface LineProps {
  readonly line: Line;
  readonly isOnWay: boolean;
}

const EvidenceLine = memo(function EvidenceLine({ line: { from, to, edge, label }, isOnWay }: LineProps) {
  const end = { x: to.x, y: to.y + to.height / 2 };
  const [path] = getBezierPath({
    sourceX: from.x + from.width,
    sourceY: from.y + from.height / 2,
    sourcePosition: Position.Right,
    targetX: end.x,
    targetY: end.y,
    targetPosition: Position.Left,
  });
  return (
    <g className="evidence-line" data-type={edge?.type} data-way={isOnWay}>
      {edge !== null && (
        <title>
          {edgeText(edge, Number(to.id))} {momentText(edge.at)}
        </title>
      )}
      <path d={path} />
      {label !== '' && (
        <text x={end.x - 8} y={end.y + 4}>
          {label}
        </text>
      )}
    </g>
  );
});

import { round } from './format.js';
import { line, picture, rect, text, WIDTH } from './svg.js';
import type { Spread } from '../measuring/spread.js';

export interface Bar {
  readonly label: string;
  /** Parts of the bar from left to right, each in the colour of its place. */
  readonly parts: readonly number[];
  /** Drawn across the end of the bar; null: none. */
  readonly range: Spread | null;
}

/** Bars under a heading; an empty heading takes no room. */
export interface BarGroup {
  readonly heading: string;
  readonly bars: readonly Bar[];
}

const COLOURS = ['a', 'b', 'c'];
const LEFT = 190;
const RIGHT = 90;
const TOP = 56;
const ROW = 26;
const BAR = 16;

/**
 * Horizontal bars from zero, all on one scale.
 *
 * @param legend names of the parts; empty: the bars have one part each, which the title names
 */
export function barChart(
  title: string,
  unit: string,
  groups: readonly BarGroup[],
  legend: readonly string[],
): string {
  const bars = groups.flatMap((group) => group.bars);
  const most = Math.max(...bars.map(({ parts, range }) => Math.max(total(parts), range?.max ?? 0)));
  const scale = (value: number): number => (value / most) * (WIDTH - LEFT - RIGHT);
  const content: string[] = [];
  let y = TOP;
  if (legend.length > 0) {
    let x = LEFT;
    legend.forEach((name, i) => {
      content.push(rect(x, y, 12, 12, COLOURS[i]!), text(x + 18, y + 11, name, 'faint'));
      x += 40 + name.length * 8;
    });
    y += ROW;
  }
  for (const { heading, bars: rows } of groups) {
    if (heading !== '') {
      content.push(text(24, y + 14, heading, 'group'));
      y += ROW;
    }
    for (const { label, parts, range } of rows) {
      content.push(text(LEFT - 10, y + 13, label, 'label'));
      let x = LEFT;
      parts.forEach((part, i) => {
        content.push(rect(x, y, scale(part), BAR, COLOURS[i]!));
        x += scale(part);
      });
      if (range !== null && range.min < range.max) {
        content.push(
          line(LEFT + scale(range.min), y + BAR / 2, LEFT + scale(range.max), y + BAR / 2, 'range'),
        );
      }
      content.push(
        text(LEFT + scale(Math.max(total(parts), range?.max ?? 0)) + 8, y + 13, round(total(parts)), 'faint'),
      );
      y += ROW;
    }
  }
  const description = bars.map(({ label, parts }) => `${label}: ${round(total(parts))}`).join('; ');
  return picture(`${title}, ${unit}`, description, y + 14, content);
}

function total(parts: readonly number[]): number {
  return parts.reduce((sum, part) => sum + part, 0);
}

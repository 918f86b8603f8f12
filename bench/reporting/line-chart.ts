import { round } from './format.js';
import { line, path, picture, text, WIDTH } from './svg.js';

const LEFT = 70;
const RIGHT = 24;
const TOP = 60;
const HEIGHT = 220;

/** One line over time, from zero, so that what is flat looks flat. */
export function lineChart(title: string, unit: string, minutes: number, values: readonly number[]): string {
  const most = Math.max(...values) * 1.1;
  const x = (i: number): number => LEFT + (i / Math.max(1, values.length - 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => TOP + HEIGHT - (value / most) * HEIGHT;
  const marks = [0, most / 2, most].flatMap((value) => [
    line(LEFT, y(value), WIDTH - RIGHT, y(value), 'axis'),
    text(LEFT - 10, y(value) + 4, round(value), 'label faint'),
  ]);
  const content = [
    ...marks,
    path(
      values.map((value, i) => [x(i), y(value)] as const),
      'line',
    ),
    text(LEFT, TOP + HEIGHT + 24, `0 to ${round(minutes)} minutes`, 'faint'),
  ];
  const description = `From ${round(values[0]!)} to ${round(values.at(-1)!)} ${unit}, at most ${round(Math.max(...values))}.`;
  return picture(`${title}, ${unit}`, description, TOP + HEIGHT + 44, content);
}

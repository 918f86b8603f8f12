import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Items that are turned into JSON without a break for other calls: about a millisecond. */
const SLICE = 500;

/** A long list in an answer whose items are made when they are sent. */
export class MadeWhenSent<T> {
  constructor(
    readonly items: readonly T[],
    readonly make: (item: T) => unknown,
  ) {}
}

/**
 * The JSON of an answer with long lists, made piece by piece as fast as the caller reads it: other calls are served between
 * two pieces, and a caller that reads slowly holds no text in memory.
 */
export function jsonStream(answer: object): Readable {
  return Readable.from(jsonOf(answer), { objectMode: false });
}

async function* jsonOf(value: unknown): AsyncGenerator<Buffer> {
  if (value instanceof MadeWhenSent) {
    yield* listJson(value.items, value.make as (item: unknown) => unknown);
  } else if (Array.isArray(value) && value.length > SLICE) {
    yield* listJson(value, (item) => item);
  } else if (typeof value === 'object' && value !== null) {
    const isList = Array.isArray(value);
    const parts = Object.entries(value as Record<string, unknown>);
    let separator = isList ? '[' : '{';
    for (const [field, part] of parts.filter(([, each]) => each !== undefined)) {
      yield Buffer.from(isList ? separator : `${separator}${JSON.stringify(field)}:`);
      yield* jsonOf(part);
      separator = ',';
    }
    const isEmpty = separator !== ',';
    yield Buffer.from((isEmpty ? separator : '') + (isList ? ']' : '}'));
  } else {
    yield Buffer.from(JSON.stringify(value));
  }
}

/** Items of a long list are short: each is turned into JSON at once. */
async function* listJson(
  items: readonly unknown[],
  make: (item: unknown) => unknown,
): AsyncGenerator<Buffer> {
  yield Buffer.from('[');
  for (let at = 0; at < items.length; at += SLICE) {
    const json = JSON.stringify(items.slice(at, at + SLICE).map(make)).slice(1, -1);
    yield Buffer.from(at === 0 ? json : `,${json}`);
    await nextTurn();
  }
  yield Buffer.from(']');
}

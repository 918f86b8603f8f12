import { Injectable, StreamableFile } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { setTimeout as sleep, setImmediate as nextTurn } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { Settings } from '../../config/settings.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { MAX_WAIT_MS } from '../batching/call.js';
import { LARGE_CONTACTS } from '../large.js';
import { Limit } from '../limit.js';
import { jsonStream } from './json-stream.js';

/** Large answers that are built or sent at once. Each write of a chunk takes time from small answers. */
const AT_ONCE = 4;
const MAX_WAITING = 256;
/** After this a slow reader gives its place to others. From then on it costs only memory. */
const PLACE_FOR_MS = 500;
/** Memory for unread answers. Answers about one identity share most of it. */
const UNREAD_MAX_BYTES = 64 * 1024 * 1024;
/** Values that become JSON without a break for other calls: about 0.2 ms. */
const SLICE = 2_000;
/** A piece of JSON smaller than this is combined with the next. */
const SMALL_BYTES = 16 * 1024;

/** An answer that shows an identity. */
interface LargeAnswer {
  readonly contact: {
    readonly primaryContactId: number | null;
    readonly secondaryContactIds: readonly unknown[];
  };
}

/** The JSON of a list, without its brackets, in pieces. Answers that begin with the same values share pieces. */
interface ListJson {
  readonly values: readonly unknown[];
  readonly pieces: readonly Buffer[];
}

/** The lists of an answer, by where they stand. */
type Lists = Map<string, ListJson>;

/**
 * Sends the answers that show a large identity.
 *
 * The JSON of their lists is kept. An identity grows at the end of its lists, so the next answer reuses the JSON of the one
 * before. The kept JSON is never trusted: it is compared with the answer, value by value.
 */
@Injectable()
export class LargeAnswers {
  private readonly kept: LRUCache<string, Lists>;
  private readonly unread = new Map<Buffer, number>();
  private unreadBytes = 0;
  private readonly places = new Limit({
    atOnce: AT_ONCE,
    maxWaiting: MAX_WAITING,
    waitMs: MAX_WAIT_MS,
    refusal: tooManyAnswers,
  });

  constructor({ identityCacheBytes }: Settings) {
    this.kept = new LRUCache({
      maxSize: Math.max(identityCacheBytes, 1),
      sizeCalculation: (lists) => [...lists.values()].reduce((sum, list) => sum + bytesOf(list), 1),
    });
  }

  /** Answers that wait for their turn. */
  get waiting(): number {
    return this.places.waiting;
  }

  /** The tenants that the JSON of something is kept of. */
  tenantIds(): Set<number> {
    return new Set([...this.kept.keys()].map((key) => Number(key.split(':')[0])));
  }

  /** Forgets the JSON that is kept of a tenant. */
  drop(tenantId: number): void {
    for (const key of [...this.kept.keys()].filter((each) => each.startsWith(`${tenantId}:`))) {
      this.kept.delete(key);
    }
  }

  /**
   * The body of an answer; a stream if the identity is large.
   *
   * @throws {OverloadedError} if too many large answers wait, or are not read
   */
  of<T extends LargeAnswer>(tenantId: number, answer: T): T | Promise<StreamableFile> {
    return answer.contact.secondaryContactIds.length < LARGE_CONTACTS
      ? answer
      : this.stream(tenantId, answer);
  }

  /**
   * The body of an answer with long lists, see {@link jsonStream}.
   *
   * @param bytes memory that the lists take until they are read, roughly
   * @throws {OverloadedError} as {@link of}
   */
  async lists(bytes: number, answer: object): Promise<StreamableFile> {
    return this.inPlace(async () => {
      const stream = jsonStream(answer);
      this.hold(bytes, stream);
      stream.once('close', () => (this.unreadBytes -= bytes));
      return { stream };
    });
  }

  private async stream(tenantId: number, answer: LargeAnswer): Promise<StreamableFile> {
    return this.inPlace(async () => {
      const pieces = await this.piecesOf(tenantId, answer);
      const stream = Readable.from(chunksOf(pieces), { objectMode: false });
      this.holdUntilRead(pieces, stream);
      return { stream, length: pieces.reduce((sum, piece) => sum + piece.length, 0) };
    });
  }

  /** Sends an answer when it is its turn. */
  private async inPlace(
    build: () => Promise<{ readonly stream: Readable; readonly length?: number }>,
  ): Promise<StreamableFile> {
    const leave = await this.places.enter();
    try {
      const { stream, ...length } = await build();
      void sleep(PLACE_FOR_MS, undefined, { ref: false }).then(leave);
      stream.once('close', leave);
      return new StreamableFile(stream, { type: 'application/json; charset=utf-8', ...length });
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** The JSON of an answer. */
  private async piecesOf(tenantId: number, answer: LargeAnswer): Promise<Buffer[]> {
    const { contact, ...others } = answer;
    const key = `${tenantId}:${contact.primaryContactId}`;
    const lists: Lists = new Map();
    const pieces: Buffer[] = [Buffer.from('{"contact":')];
    await addJson(pieces, contact, '', lists, this.kept.get(key));
    this.kept.set(key, lists);
    const rest = JSON.stringify(others).slice(1);
    pieces.push(Buffer.from(rest === '}' ? '}' : `,${rest}`));
    return pieces;
  }

  private holdUntilRead(pieces: readonly Buffer[], stream: Readable): void {
    const news = pieces.filter((piece) => !this.unread.has(piece));
    this.hold(
      news.reduce((sum, { length }) => sum + length, 0),
      stream,
    );
    pieces.forEach((piece) => this.unread.set(piece, (this.unread.get(piece) ?? 0) + 1));
    stream.once('close', () => pieces.forEach((piece) => this.release(piece)));
  }

  /** Counts memory as held, until somebody counts it as free again. */
  private hold(bytes: number, stream: Readable): void {
    if (this.unreadBytes > 0 && this.unreadBytes + bytes > UNREAD_MAX_BYTES) {
      stream.destroy();
      throw tooManyAnswers();
    }
    this.unreadBytes += bytes;
  }

  private release(piece: Buffer): void {
    const holders = this.unread.get(piece)! - 1;
    if (holders > 0) {
      this.unread.set(piece, holders);
    } else {
      this.unread.delete(piece);
      this.unreadBytes -= piece.length;
    }
  }
}

function tooManyAnswers(): OverloadedError {
  return new OverloadedError('too many answers about large identities are waiting');
}

function bytesOf({ values, pieces }: ListJson): number {
  return pieces.reduce((sum, { length }) => sum + length, values.length * 8);
}

/**
 * Adds the JSON of a value whose lists may be long.
 *
 * @param path where the value stands in the answer: under it a list is kept
 */
async function addJson(
  pieces: Buffer[],
  value: unknown,
  path: string,
  lists: Lists,
  kept: Lists | undefined,
): Promise<void> {
  if (Array.isArray(value)) {
    const list = await listJson(value, kept?.get(path));
    lists.set(path, list);
    pieces.push(Buffer.from('['), ...list.pieces, Buffer.from(']'));
  } else if (typeof value === 'object' && value !== null) {
    let separator = '{';
    for (const [field, part] of Object.entries(value)) {
      pieces.push(Buffer.from(`${separator}${JSON.stringify(field)}:`));
      separator = ',';
      await addJson(pieces, part, `${path}.${field}`, lists, kept);
    }
    pieces.push(Buffer.from(separator === '{' ? '{}' : '}'));
  } else {
    pieces.push(Buffer.from(JSON.stringify(value)));
  }
}

/** The JSON of a list. Reuses the kept JSON if the list begins with the same values. */
async function listJson(values: readonly unknown[], kept?: ListJson): Promise<ListJson> {
  const isLonger = kept !== undefined && beginsWith(values, kept.values);
  const pieces = isLonger ? [...kept.pieces] : [];
  for (let at = isLonger ? kept.values.length : 0; at < values.length; at += SLICE) {
    const json = JSON.stringify(values.slice(at, at + SLICE)).slice(1, -1);
    append(pieces, Buffer.from(at === 0 ? json : `,${json}`));
    if (at + SLICE < values.length) {
      await nextTurn();
    }
  }
  return { values, pieces };
}

function beginsWith(values: readonly unknown[], beginning: readonly unknown[]): boolean {
  if (values === beginning) {
    return true;
  }
  let at = 0;
  while (at < beginning.length && values[at] === beginning[at]) {
    at++;
  }
  return at === beginning.length;
}

/** Pieces are never changed, because other answers share them. A small piece at the end is replaced by a longer one. */
function append(pieces: Buffer[], piece: Buffer): void {
  const last = pieces.at(-1);
  if (last !== undefined && last.length < SMALL_BYTES) {
    pieces[pieces.length - 1] = Buffer.concat([last, piece]);
  } else {
    pieces.push(piece);
  }
}

/** Each chunk is one write, so small pieces are sent together. Large pieces are not copied. */
function* chunksOf(pieces: readonly Buffer[]): Generator<Buffer> {
  let small: Buffer[] = [];
  for (const piece of pieces) {
    if (piece.length < SMALL_BYTES) {
      small.push(piece);
      continue;
    }
    if (small.length > 0) {
      yield Buffer.concat(small);
      small = [];
    }
    yield piece;
  }
  yield Buffer.concat(small);
}

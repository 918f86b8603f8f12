import { Injectable, StreamableFile } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { setTimeout as sleep, setImmediate as nextTurn } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { Settings } from '../../config/settings.js';
import { OverloadedError } from '../../http/problems/problem.errors.js';
import { MAX_WAIT_MS } from '../batching/call.js';
import { LARGE_CONTACTS } from '../large.js';
import { Limit } from '../limit.js';
import { IdentityResponse } from './dto/identity.response.js';

/** Answers that are made or written to their connections at once: each write of a chunk takes time from the small ones. */
const AT_ONCE = 4;
const MAX_WAITING = 256;
/** A caller that reads slowly gives its place to others after this; what it costs from then on is memory only. */
const PLACE_FOR_MS = 500;
/** Memory for the answers that callers have not read yet; those of one identity share most of it. */
const UNREAD_MAX_BYTES = 64 * 1024 * 1024;
/** Values that are turned into JSON without a break for other calls; some 0.2 ms. */
const SLICE = 2_000;
/** A piece of JSON below this is put together with the next. */
const SMALL_BYTES = 16 * 1024;

/** The JSON of a list, without its brackets, in pieces that all answers share that begin with the same values. */
interface ListJson {
  readonly values: readonly unknown[];
  readonly pieces: readonly Buffer[];
}

/** The lists of an answer, by field. */
type Lists = Map<string, ListJson>;

/**
 * Sends the answers that show a large identity.
 *
 * The JSON of their lists is kept: an identity grows at the end of its lists, and so the next answer takes over all that
 * the one before it had. What is kept is compared with what is to be sent, value by value, and never trusted.
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

  /**
   * The body of an answer; a stream if the identity is large.
   *
   * @throws {OverloadedError} if too many large answers wait, or are not read
   */
  of(tenantId: number, answer: IdentityResponse): IdentityResponse | Promise<StreamableFile> {
    return answer.contact.secondaryContactIds.length < LARGE_CONTACTS
      ? answer
      : this.stream(tenantId, answer);
  }

  private async stream(tenantId: number, answer: IdentityResponse): Promise<StreamableFile> {
    const leave = await this.places.enter();
    try {
      const pieces = await this.piecesOf(tenantId, answer);
      const stream = Readable.from(chunksOf(pieces), { objectMode: false });
      this.holdUntilRead(pieces, stream);
      void sleep(PLACE_FOR_MS, undefined, { ref: false }).then(leave);
      stream.once('close', leave);
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      return new StreamableFile(stream, { type: 'application/json; charset=utf-8', length });
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** The JSON of an answer. */
  private async piecesOf(tenantId: number, answer: IdentityResponse): Promise<Buffer[]> {
    const { contact, ...others } = answer;
    const key = `${tenantId}:${contact.primaryContactId}`;
    const lists: Lists = new Map();
    const pieces: Buffer[] = [Buffer.from('{"contact":{')];
    let separator = '';
    for (const [field, value] of Object.entries(contact) as [string, unknown][]) {
      pieces.push(Buffer.from(`${separator}${JSON.stringify(field)}:`));
      separator = ',';
      if (Array.isArray(value)) {
        const list = await listJson(value, this.kept.get(key)?.get(field));
        lists.set(field, list);
        pieces.push(Buffer.from('['), ...list.pieces, Buffer.from(']'));
      } else {
        pieces.push(Buffer.from(JSON.stringify(value)));
      }
    }
    this.kept.set(key, lists);
    const rest = JSON.stringify(others).slice(1);
    pieces.push(Buffer.from(rest === '}' ? '}}' : `},${rest}`));
    return pieces;
  }

  private holdUntilRead(pieces: readonly Buffer[], stream: Readable): void {
    const news = pieces.filter((piece) => !this.unread.has(piece));
    const bytes = news.reduce((sum, { length }) => sum + length, 0);
    if (this.unreadBytes > 0 && this.unreadBytes + bytes > UNREAD_MAX_BYTES) {
      stream.destroy();
      throw tooManyAnswers();
    }
    this.unreadBytes += bytes;
    pieces.forEach((piece) => this.unread.set(piece, (this.unread.get(piece) ?? 0) + 1));
    stream.once('close', () => pieces.forEach((piece) => this.release(piece)));
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
  return new OverloadedError('too many answers about large identities wait already');
}

function bytesOf({ values, pieces }: ListJson): number {
  return pieces.reduce((sum, { length }) => sum + length, values.length * 8);
}

/** The JSON of a list, which goes on from what is kept if it begins with the same values. */
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
  return (
    values === beginning ||
    (values.length >= beginning.length && beginning.every((value, i) => value === values[i]))
  );
}

/** Pieces stay as they are, since other answers have them too: a small one at the end is replaced by a longer one. */
function append(pieces: Buffer[], piece: Buffer): void {
  const last = pieces.at(-1);
  if (last !== undefined && last.length < SMALL_BYTES) {
    pieces[pieces.length - 1] = Buffer.concat([last, piece]);
  } else {
    pieces.push(piece);
  }
}

/** Each chunk is a write of its own, so that small pieces go out together. Large ones are not copied. */
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

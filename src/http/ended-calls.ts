import { Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Calls that may wait on one connection behind another. Few clients send any, and each may hold a large answer. */
const MAX_BEHIND = 32;

/** How often a flood is logged: it ends connections by the thousand. */
const FLOOD_PERIOD_MS = 60_000;

const behind = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Makes sure that each call ends, even if its caller disconnects or never reads, and that few calls wait on one
 * connection. Returns false if there are too many; the connection is then closed.
 *
 * For Fastify a call ends with `finish` or `error` of its response. A reset connection causes neither, and a response that
 * waits behind another is not told at all: its `onResponse` hooks would never run, and what they release would be kept
 * forever.
 */
export function seeToItsEnd({ raw: { socket } }: FastifyRequest, { raw: response }: FastifyReply): boolean {
  // a response without a socket waits behind another
  if (response.socket === null && !waitBehind(socket, response)) {
    socket.destroy();
    flood.note();
    return false;
  }
  response.once('close', () => {
    if (!response.writableFinished && response.listenerCount('error') > 0) {
      response.emit('error', new Error('the caller disconnected'));
    }
  });
  return true;
}

function waitBehind(socket: Socket, response: ServerResponse): boolean {
  let waiting = behind.get(socket);
  if (waiting === undefined) {
    const all = new Set<ServerResponse>();
    socket.once('close', () => all.forEach((each) => each.destroy()));
    behind.set(socket, (waiting = all));
  }
  if (waiting.size >= MAX_BEHIND || socket.destroyed) {
    return false;
  }
  waiting.add(response);
  response.once('close', () => waiting.delete(response));
  return true;
}

/** Logs that connections are ended, and the next time how many were since. */
class FloodLog {
  private readonly logger = new Logger('Http');
  private saidAt = -Infinity;
  private leftOut = 0;

  note(): void {
    const now = performance.now();
    if (now - this.saidAt < FLOOD_PERIOD_MS) {
      this.leftOut++;
      return;
    }
    this.logger.warn({
      cause: `a caller sent more than ${MAX_BEHIND} calls without reading an answer, and its connection was ended`,
      ...(this.leftOut > 0 && { leftOut: this.leftOut }),
    });
    this.saidAt = now;
    this.leftOut = 0;
  }
}

const flood = new FloodLog();

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Calls that may wait on a connection for the answer of one before them. Few clients send any; each may hold a large answer. */
const MAX_BEHIND = 32;

const behind = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Sees to it that each call comes to an end, also if its caller goes away or never reads, and that few wait on one
 * connection. False: there are too many, and the connection is ended.
 *
 * Fastify takes a call for ended at `finish` or `error` of its response. A connection that is reset brings neither, and a
 * response whose turn on the connection had not come is not even told: its hooks `onResponse` would never run, and
 * whatever they let go of would be kept for good.
 */
export function seeToItsEnd({ raw: { socket } }: FastifyRequest, { raw: response }: FastifyReply): boolean {
  // without a connection of its own it is behind another
  if (response.socket === null && !waitBehind(socket, response)) {
    socket.destroy();
    return false;
  }
  response.once('close', () => {
    if (!response.writableFinished && response.listenerCount('error') > 0) {
      response.emit('error', new Error('the caller went away'));
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

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { IdentityClient, pagesOf, ProblemError } from '../../clients/typescript/src/index.js';
import { useDatabase, useService } from '../support/hooks.js';
import { delivery } from './delivery.js';
import { codeOf } from './readme-code.js';

const FOLDER = 'clients/typescript';
const database = useDatabase();
const service = useService(() => ({ DATABASE_URL: database.url }));

beforeEach(() => database.clear());

/** Calls what the README has for a receiver with a delivery, and with one that was changed. */
const RECEIVE_TWO = `for (const body of [process.env.BODY!, process.env.BODY + ' ']) {
  const request = new Request('http://localhost', { method: 'POST', headers: JSON.parse(process.env.HEADERS!), body });
  console.log((await receive(request)).status);
}`;

const merge = { contactIds: [1, 2], reason: 'He said so' };

test('the generated core fits the API', () => {
  const check = spawnSync(process.execPath, ['scripts/generate-client.mjs', '--check'], { encoding: 'utf8' });
  expect(check).toMatchObject({ status: 0, stderr: '' });
});

describe('with a service', () => {
  test('an answer is typed as the API has it', async () => {
    const client = new IdentityClient({ url: `${service.client.url}/` });
    const { data, response } = await client.identify({ body: { email: 'doc@hillvalley.edu' } });
    expect(data.contact.emails).toEqual(['doc@hillvalley.edu']);
    expect(response.headers.get('x-request-id')).not.toBeNull();
  });

  test('an error is the problem that the service tells', async () => {
    const client = new IdentityClient({ url: service.client.url });
    const refused = await client.identify({ body: { email: 'doc' } }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProblemError);
    expect(refused).toMatchObject({
      type: 'urn:problem:invalid-request',
      status: 400,
      problem: { errors: [{ field: 'email' }] },
    });
  });

  test('all pages of a list are read, one after the other', async () => {
    const client = new IdentityClient({ url: service.client.url });
    for (let i = 0; i < 5; i++) {
      await client.identify({ body: { email: `doc${i}@hillvalley.edu` } });
    }
    const sizes: number[] = [];
    for await (const { identities } of pagesOf((after) =>
      client.listIdentities({ query: { after, limit: 2 } }),
    )) {
      sizes.push(identities.length);
    }
    expect(sizes).toEqual([2, 2, 1]);
  });

  test('the code of the README works', async () => {
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', FOLDER]);
    const work = mkdtempSync(join(FOLDER, 'dist/readme-'));
    try {
      const printed = [];
      for (const [i, code] of codeOf(join(FOLDER, 'README.md'), 'ts').entries()) {
        const file = join(work, `${i}.ts`);
        const isReceiver = code.includes('verifyWebhook');
        writeFileSync(file, isReceiver ? `${code}\n${RECEIVE_TWO}` : code);
        const env = { PATH: process.env.PATH, IDENTITY_URL: service.client.url, ...delivery() };
        const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
        printed.push(stdout.trim());
      }
      expect(printed).toEqual([
        `[ 'lorraine@hillvalley.edu' ]`,
        `[ 'email' ]`,
        '1',
        'identity.created true',
        `[ 'marty@hillvalley.edu', 'calvin@hillvalley.edu' ]`,
        'identity.created msg_1\n204\n400',
      ]);
    } finally {
      rmSync(work, { recursive: true });
    }
  });
});

describe('without a patient service', () => {
  test('a call is repeated after passing failures, with one idempotency key', async () => {
    await using server = await serve(
      (_, reply) => reply.writeHead(503, { 'retry-after': '0' }).end(),
      (request) => request.socket.destroy(),
      (_, reply) => reply.writeHead(502).end('<html>'),
      (_, reply) => answer(reply, 200, { changed: true }),
    );
    const client = new IdentityClient({ url: server.url, key: 'key-1' });
    const { data } = await client.mergeIdentities({ body: merge });
    expect(data).toEqual({ changed: true });
    expect(server.calls).toHaveLength(4);
    expect(new Set(server.calls.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(server.calls[0]).toMatchObject({
      body: JSON.stringify(merge),
      headers: { authorization: 'Bearer key-1', 'idempotency-key': expect.stringMatching(/^[\da-f]{32}$/) },
    });
    expect(new Set(server.calls.map(({ body }) => body)).size).toBe(1);
  });

  test('neither a sighting nor a dry run has an idempotency key, and a key of the caller stays', async () => {
    await using server = await serve((_, reply) => answer(reply, 200, {}));
    const client = new IdentityClient({ url: server.url });
    await client.identify({ body: { email: 'doc@hillvalley.edu' } });
    await client.mergeIdentities({ body: merge, query: { dryRun: true } });
    await client.mergeIdentities({ body: merge, headers: { 'Idempotency-Key': 'mine' } });
    expect(server.calls.map(({ headers }) => headers['idempotency-key'])).toEqual([
      undefined,
      undefined,
      'mine',
    ]);
  });

  test('it gives up after the retries, with the last answer', async () => {
    await using server = await serve((_, reply) => answer(reply, 503, {}, { 'retry-after': '0' }));
    const client = new IdentityClient({ url: server.url, retries: 2 });
    await expect(client.getContact({ path: { id: 1 } })).rejects.toMatchObject({
      type: 'about:blank',
      status: 503,
    });
    expect(server.calls).toHaveLength(3);
  });

  test('it does not wait longer than it may', async () => {
    await using server = await serve((_, reply) => answer(reply, 429, {}, { 'retry-after': '60' }));
    const client = new IdentityClient({ url: server.url, maxWaitMs: 1_000 });
    await expect(client.getContact({ path: { id: 1 } })).rejects.toMatchObject({ status: 429 });
    expect(server.calls).toHaveLength(1);
  });

  test('a refusal is not repeated', async () => {
    await using server = await serve((_, reply) => answer(reply, 404, {}));
    const client = new IdentityClient({ url: server.url });
    await expect(client.getContact({ path: { id: 1 } })).rejects.toMatchObject({ status: 404 });
    expect(server.calls).toHaveLength(1);
  });

  test('an attempt without an answer ends in time, and is repeated', async () => {
    await using server = await serve(
      () => undefined,
      (_, reply) => answer(reply, 200, { contact: {} }),
    );
    const client = new IdentityClient({ url: server.url, timeoutMs: 200 });
    await client.getContact({ path: { id: 1 } });
    expect(server.calls).toHaveLength(2);
  });

  test('a caller may give up, also between attempts', async () => {
    await using server = await serve((_, reply) => answer(reply, 503, {}, { 'retry-after': '20' }));
    const client = new IdentityClient({ url: server.url });
    const givingUp = new AbortController();
    const call = client.getContact({ path: { id: 1 }, signal: givingUp.signal });
    await server.called;
    givingUp.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });
});

interface SeenCall {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (request: IncomingMessage, reply: ServerResponse) => unknown;

/** A server that gives these answers in turn, the last one again and again. */
async function serve(...answers: readonly Answer[]): Promise<
  AsyncDisposable & {
    readonly url: string;
    readonly calls: readonly SeenCall[];
    readonly called: Promise<void>;
  }
> {
  const calls: SeenCall[] = [];
  const { promise: called, resolve } = Promise.withResolvers<void>();
  const server = createServer((request, reply) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      calls.push({ headers: request.headers, body });
      answers[Math.min(calls.length, answers.length) - 1]!(request, reply);
      resolve();
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    called,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function answer(
  reply: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  reply.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

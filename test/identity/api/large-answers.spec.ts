import { jest } from '@jest/globals';
import type { StreamableFile } from '@nestjs/common';
import { Settings } from '../../../src/config/settings.js';
import { OverloadedError } from '../../../src/http/problems/problem.errors.js';
import { IdentityResponse } from '../../../src/identity/api/dto/identity.response.js';
import { MadeWhenSent } from '../../../src/identity/api/json-stream.js';
import { LargeAnswers } from '../../../src/identity/api/large-answers.js';
import { Kinds, STANDARD_KINDS } from '../../../src/identity/domain/kinds.js';
import { CUSTOMER_ID, LOYALTY_CARD } from '../../support/policy.js';
import type { IdentityView } from '../../../src/identity/domain/contact.js';

const TENANT = 1;

/** An identity of so many contacts, each with an email and a phone number. */
function identity(size: number, valueLength = 0): IdentityView {
  const ids = Array.from({ length: size }, (_, i) => i + 1);
  const value = (i: number): string => `${i}`.padStart(valueLength, 'é');
  return {
    primaryContactId: 1,
    values: new Map([
      ['email', ids.map((i) => `"${value(i)}"@hillvalley.edu`)],
      ['phoneNumber', ids.map((i) => `1555${value(i)}`)],
    ]),
    secondaryContactIds: ids.slice(1),
  };
}

const answerOf = (view: IdentityView, kinds = STANDARD_KINDS): IdentityResponse =>
  new IdentityResponse(view, kinds);

const valuesOf = (view: IdentityView, kind: string): readonly string[] => view.values.get(kind)!;

const withValues = (view: IdentityView, kind: string, values: readonly string[]): IdentityView => ({
  ...view,
  values: new Map(view.values).set(kind, values),
});

const withOneMore = (view: IdentityView, phoneNumber: string): IdentityView => ({
  ...withValues(view, 'phoneNumber', [...valuesOf(view, 'phoneNumber'), phoneNumber]),
  secondaryContactIds: [...view.secondaryContactIds, 1_000_000],
});

const answers = (env: Record<string, string> = {}): LargeAnswers => new LargeAnswers(new Settings(env));

async function read(answer: unknown): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (answer as StreamableFile).getStream()) {
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks);
  expect((answer as StreamableFile).getHeaders()).toMatchObject({
    type: 'application/json; charset=utf-8',
    length: text.length,
  });
  return text.toString();
}

/** How many values of lists have been turned into JSON. */
function countValues(): () => number {
  const stringify = jest.spyOn(JSON, 'stringify');
  return () =>
    stringify.mock.calls
      .map(([value]) => (Array.isArray(value) ? value.length : 0))
      .reduce((sum, length) => sum + length, 0);
}

afterEach(() => {
  jest.restoreAllMocks();
});

test('a small answer is left as it is', () => {
  const small = answerOf(identity(999));
  expect(answers().of(TENANT, small)).toBe(small);
});

test('a large answer is the same JSON', async () => {
  const response = answerOf(identity(5_000, 60));
  expect(await read(await answers().of(TENANT, response))).toBe(JSON.stringify(response));
});

test('the JSON of an answer is made once, and only that of what is new after it', async () => {
  const sut = answers();
  const view = identity(5_000);
  await read(await sut.of(TENANT, answerOf(view)));
  const values = countValues();
  await read(await sut.of(TENANT, answerOf(view)));
  expect(values()).toBe(0);
  let grown = view;
  for (const phone of ['1', '2', '3']) {
    grown = withOneMore(grown, phone);
    expect(await read(await sut.of(TENANT, answerOf(grown)))).toContain(`"${phone}"]`);
  }
  expect(values()).toBe(6);
  jest.restoreAllMocks();
  expect(await read(await sut.of(TENANT, answerOf(grown)))).toBe(JSON.stringify(answerOf(grown)));
});

test('an answer that does not begin like the one before is made anew', async () => {
  const sut = answers();
  const view = identity(3_000);
  await read(await sut.of(TENANT, answerOf(view)));
  const shrunk = answerOf(withValues(view, 'email', valuesOf(view, 'email').slice(1)));
  expect(await read(await sut.of(TENANT, shrunk))).toBe(JSON.stringify(shrunk));
  const other = answerOf(withValues(view, 'phoneNumber', valuesOf(view, 'phoneNumber').with(7, '0')));
  expect(await read(await sut.of(TENANT, other))).toBe(JSON.stringify(other));
});

test('the lists of declared kinds are kept likewise, also next to one that is empty', async () => {
  const kinds = new Kinds([...STANDARD_KINDS.all, CUSTOMER_ID, LOYALTY_CARD]);
  const sut = answers();
  const view = withValues(identity(3_000), 'customerId', valuesOf(identity(3_000), 'email'));
  const response = answerOf(view, kinds);
  expect(response.contact.identifiers).toEqual({ customerId: valuesOf(view, 'email'), loyaltyCard: [] });
  expect(await read(await sut.of(TENANT, response))).toBe(JSON.stringify(response));
  const values = countValues();
  const grown = answerOf(withValues(view, 'customerId', [...valuesOf(view, 'customerId'), 'C-1']), kinds);
  const text = await read(await sut.of(TENANT, grown));
  expect(values()).toBe(1);
  jest.restoreAllMocks();
  expect(text).toBe(JSON.stringify(grown));
});

test('answers of two tenants share nothing', async () => {
  const sut = answers();
  await read(await sut.of(1, answerOf(identity(2_000))));
  const values = countValues();
  await read(await sut.of(2, answerOf(identity(2_000))));
  expect(values()).toBe(5_999);
});

test('JSON is made in slices, between which others have their turn', async () => {
  const order: string[] = [];
  const made = answers().of(TENANT, answerOf(identity(20_000))) as Promise<StreamableFile>;
  void made.then(() => order.push('large'));
  await new Promise((resolve) => setImmediate(resolve));
  order.push('small');
  await made;
  expect(order).toEqual(['small', 'large']);
});

describe('answers that are not read', () => {
  test('wait for a place, which a slow reader gives up after a moment', async () => {
    const sut = answers();
    const response = answerOf(identity(1_500));
    const sent = Array.from({ length: 9 }, () => sut.of(TENANT, response) as Promise<StreamableFile>);
    await Promise.all(sent.slice(0, 8));
    expect(sut.waiting).toBe(1);
    expect(await read(await sent[8]!)).toBe(JSON.stringify(response));
  });

  test('make room as soon as they are read', async () => {
    const sut = answers();
    const response = answerOf(identity(1_500));
    const sent = Array.from({ length: 9 }, () => sut.of(TENANT, response) as Promise<StreamableFile>);
    await read(await sent[0]!);
    await sent[8]!;
    expect(sut.waiting).toBe(0);
  });

  test('of one identity count once, and of several are refused beyond 64 MiB', async () => {
    const sut = answers({ IDENTITY_CACHE_MB: '0' });
    const sizes = Array.from({ length: 7 }, () => answerOf(identity(5_000, 600)));
    const sent: StreamableFile[] = [];
    for (const response of sizes.slice(0, 5)) {
      sent.push(await (sut.of(TENANT, response) as Promise<StreamableFile>));
    }
    await expect(sut.of(TENANT, sizes[5]!)).rejects.toThrow(OverloadedError);
    sent.forEach((each) => each.getStream().destroy());
    await new Promise((resolve) => setImmediate(resolve));
    expect(await read(await sut.of(TENANT, sizes[6]!))).toBe(JSON.stringify(sizes[6]));
  });

  test('with lists that are made when they are sent are refused beyond 64 MiB, too', async () => {
    const sut = answers();
    const items = Array.from({ length: 2_000 }, (_, i) => i);
    const answer = { items: new MadeWhenSent(items, (item) => ({ id: item })), next: null };
    const first = await sut.lists(40 * 1024 * 1024, answer);
    await expect(sut.lists(40 * 1024 * 1024, answer)).rejects.toThrow(OverloadedError);
    first.getStream().destroy();
    await new Promise((resolve) => setImmediate(resolve));
    const chunks: Buffer[] = [];
    for await (const chunk of (await sut.lists(40 * 1024 * 1024, answer)).getStream()) {
      chunks.push(chunk as Buffer);
    }
    expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({
      items: items.map((id) => ({ id })),
      next: null,
    });
  });

  test('of one identity share their memory', async () => {
    const sut = answers();
    const response = answerOf(identity(5_000, 600));
    for (let i = 0; i < 8; i++) {
      await sut.of(TENANT, response);
    }
    expect(await read(await sut.of(TENANT, response))).toBe(JSON.stringify(response));
  });
});

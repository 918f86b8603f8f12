import { FAILING_MAX, judgeAttempt, MAX_ATTEMPTS } from '../../../src/events/webhooks/schedule.js';

const NOW = Date.UTC(2026, 10, 29) * 1000;
const SECONDS = 1_000_000;

test('what fails is tried ten times over three days, each time later, and is a dead letter then', () => {
  const delays = Array.from({ length: MAX_ATTEMPTS }, (_, i) => {
    const { state, nextAt, disabled } = judgeAttempt({ status: 500 }, i + 1, null, NOW, 0.5);
    expect({ state, disabled }).toEqual({ state: nextAt === null ? 'dead' : 'pending', disabled: null });
    return nextAt === null ? null : (nextAt - NOW) / SECONDS;
  });
  expect(delays).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, null]);
});

test('a delay is up to a tenth shorter or longer', () => {
  const delays = [0, 1].map((random) => judgeAttempt({ status: 500 }, 2, null, NOW, random).nextAt! - NOW);
  expect(delays).toEqual([270 * SECONDS, 330 * SECONDS]);
});

test.each([200, 202, 204, 299])('%i is a success', (status) => {
  const delivered = { state: 'delivered', nextAt: null, disabled: null };
  expect(judgeAttempt({ status }, 1, null, NOW, 0)).toEqual(delivered);
  expect(judgeAttempt({ status }, MAX_ATTEMPTS, NOW - 2 * FAILING_MAX, NOW, 0)).toEqual(delivered);
});

test.each([100, 199, 300, 301, 302, 307, 308, 400, 404, 429, 500, 503])('%i is a failure', (status) => {
  expect(judgeAttempt({ status }, 1, null, NOW, 0)).toMatchObject({ state: 'pending', disabled: null });
});

test('410 disables the endpoint and ends the delivery', () => {
  expect(judgeAttempt({ status: 410 }, 1, null, NOW, 0)).toEqual({
    state: 'dead',
    nextAt: null,
    disabled: 'gone',
  });
});

test('five days of failure without a success disable the endpoint; what was due stays due', () => {
  const judge = (failingSince: number) => judgeAttempt({ failure: 'timeout' }, 1, failingSince, NOW, 0.5);
  expect(judge(NOW - FAILING_MAX + 1)).toMatchObject({ state: 'pending', disabled: null });
  expect(judge(NOW - FAILING_MAX)).toEqual({
    state: 'pending',
    nextAt: NOW + 5 * SECONDS,
    disabled: 'failing',
  });
});

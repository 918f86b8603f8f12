import { jest } from '@jest/globals';
import { createLogger, JsonLogger } from '../../../src/telemetry/logging/logger.js';
import type { LogLevel } from '../../../src/config/settings.js';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function loggerOf(level: LogLevel): { logger: JsonLogger; lines: () => unknown[] } {
  const written: string[] = [];
  const logger = new JsonLogger(level, { write: (text) => void written.push(text) });
  return { logger, lines: () => written.map((text) => JSON.parse(text) as unknown) };
}

test.each([
  ['info', ['Listening']],
  ['debug', ['Mapped', 'Listening']],
] as const)('on a terminal at the level %s the framework’s lines are shown: %j', (level, shown) => {
  const written: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const logger = createLogger(level, true);
  logger.log('Mapped {/identify, POST} route', 'RouterExplorer');
  logger.log('Listening on http://127.0.0.1:3000', 'Service');
  write.mockRestore();
  expect(written.map((text) => /Mapped|Listening/.exec(text)?.[0])).toEqual(shown);
});

test('a message is one line with its level, time and context', () => {
  const { logger, lines } = loggerOf('trace');
  logger.fatal('a', 'Service');
  logger.error('b', 'Service');
  logger.warn('c', 'Service');
  logger.log('d', 'Service');
  logger.debug('e', 'Service');
  logger.verbose('f', 'Service');
  expect(lines()).toEqual([
    line('fatal', 'a'),
    line('error', 'b'),
    line('warn', 'c'),
    line('info', 'd'),
    line('debug', 'e'),
    line('trace', 'f'),
  ]);
});

test.each([
  ['silent', 0],
  ['fatal', 1],
  ['warn', 2],
  ['info', 3],
  ['trace', 4],
] as const)('at the level %s, %i of four lines are written', (level, count) => {
  const { logger, lines } = loggerOf(level);
  logger.fatal('a');
  logger.warn('b');
  logger.log('c');
  logger.verbose('d');
  expect(lines()).toHaveLength(count);
});

test('the fields of an object stand beside the context', () => {
  const { logger, lines } = loggerOf('info');
  logger.warn({ cause: 'the database is not reachable', leftOut: 7 }, 'Http');
  expect(lines()).toMatchObject([
    { level: 'warn', context: 'Http', cause: 'the database is not reachable', leftOut: 7 },
  ]);
});

test('of an error of PostgreSQL only codes and names of the schema are written, wherever it stands', () => {
  const { logger, lines } = loggerOf('info');
  const error = Object.assign(new Error('value marty@hillvalley.edu'), {
    code: '23505',
    severity: 'ERROR',
    detail: 'Key (value)=(marty@hillvalley.edu) already exists.',
    where: 'marty@hillvalley.edu',
    constraint: 'identifier_pkey',
  });
  logger.error(error, 'Http');
  logger.error({ error, requestId: '1' }, 'Http');
  logger.error({ causes: [{ error }] }, 'Http');
  const known = { name: 'Error', code: '23505', severity: 'ERROR', constraint: 'identifier_pkey' };
  expect(lines()).toMatchObject([
    { error: known },
    { error: known, requestId: '1' },
    { causes: [{ error: known }] },
  ]);
  expect(JSON.stringify(lines())).not.toContain('marty');
});

test('an error of a parser is written without the input that it quotes, and with its stack', () => {
  const { logger, lines } = loggerOf('info');
  try {
    JSON.parse('marty@hillvalley.edu');
  } catch (error) {
    logger.error({ error }, 'Http');
  }
  const [written] = lines() as [{ error: { name: string; stack: string } }];
  expect(written.error.name).toBe('SyntaxError');
  expect(written.error.stack).toMatch(/^\s+at /);
  expect(JSON.stringify(written)).not.toContain('marty');
});

test('any other error is written with message and stack', () => {
  const { logger, lines } = loggerOf('info');
  logger.error(new TypeError('x is not a function'), 'Http');
  logger.error('It broke', 'at somewhere', 'Http');
  expect(lines()).toMatchObject([
    {
      error: { name: 'TypeError', message: 'x is not a function', stack: expect.stringContaining('at ') },
    },
    { msg: 'It broke', stack: 'at somewhere', context: 'Http' },
  ]);
});

function line(level: string, msg: string): object {
  return { level, time: expect.stringMatching(TIME) as string, context: 'Service', msg };
}

import { unavailability } from '../../../src/database/session/unavailable.js';

const failure = (code: string | undefined, message = 'x'): Error =>
  Object.assign(new Error(message), { code });

test.each([
  [failure('42P01'), 'the database schema is missing or too old'],
  [failure('28P01'), 'the database does not know the role of DATABASE_URL, or does not accept its password'],
  [failure('28000'), 'the database does not know the role of DATABASE_URL, or does not accept its password'],
  [failure('3D000'), 'the database that DATABASE_URL names does not exist'],
  [failure('25006'), 'the database takes no writes'],
  [failure('57P01'), 'the database is busy or restarting'],
  [failure('53300'), 'the database is busy or restarting'],
  [failure('57014'), 'the database takes too long to answer'],
  [failure(undefined, 'Query read timeout'), 'the database takes too long to answer'],
  [failure('ECONNREFUSED'), 'the database is not reachable'],
  [failure(undefined, 'The server does not support SSL connections'), 'the database does not speak TLS'],
  [failure(undefined, 'Connection terminated unexpectedly'), 'the database is not reachable'],
  [failure('XX000', 'postmaster was shut down, exiting'), 'the database is not reachable'],
  // a call that comes when the service has closed its pool already
  [failure(undefined, 'Cannot use a pool after calling end on the pool'), 'the database is not reachable'],
  [new AggregateError([failure('ECONNREFUSED')]), 'the database is not reachable'],
])('%s: %s', (error, reason) => {
  expect(unavailability(error)).toBe(reason);
});

test.each([failure('23505'), failure('22021'), failure(undefined, 'x is not a function')])(
  'a fault of the service is not blamed on the database: %s',
  (error) => {
    expect(unavailability(error)).toBeNull();
  },
);

/**
 * Tests that a cluster takes no part in, by their file and words of their names (null: all of the file), and why. They are about
 * what one PostgreSQL does, or set it up in a way that Citus refuses; what they hold is held there.
 */
export const LEFT_OUT = [
  {
    file: 'test/privacy/canary.spec.ts',
    name: null,
    why: 'a trigger of its own makes the database quote values in errors; Citus has no triggers on its tables',
  },
  {
    file: 'test/access/key-errors.spec.ts',
    name: 'while keys can’t be looked up callers are told to come again, and not that theirs is wrong',
    why: 'the database that it makes while the service waits is on the coordinator only',
  },
  {
    file: 'test/concurrency/slow-tenant.spec.ts',
    name: null,
    why: 'its slow and dead shards are made of rules on one node; a cluster has real ones, and docs/scale-out.md tells what was seen',
  },
  {
    file: 'test/identity/store/contact.repository.spec.ts',
    name: 'connections of one tenant serve no other',
    why: 'each transaction names the tenant, and no connection belongs to one',
  },
  {
    file: 'test/transfer/import/command.spec.ts',
    name: 'a database that goes away is waited for, and the import gives up after a while',
    why: 'the check of the engine meets the missing table first, and says so in other words',
  },
  {
    file: 'test/transfer/import/statistics.spec.ts',
    name: 'an import tells the planner how the tables grow',
    why: 'it asks the coordinator, while what `analyze` finds is on the nodes that have the rows',
  },
];

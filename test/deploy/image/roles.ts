import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';

/** An empty database, and the URL of each role that Kubernetes knows. */
export interface DatabaseWithRoles {
  /** Owns what it creates, so the migration's. */
  readonly ownerUrl: string;
  readonly serviceUrl: string;
  drop(): Promise<void>;
}

const PAGE = 'deploy/kubernetes/README.md';

/** Makes the database and its roles by the very SQL that the page about Kubernetes tells people to run. */
export async function createDatabaseWithRoles(): Promise<DatabaseWithRoles> {
  const name = `identity_${randomBytes(6).toString('hex')}`;
  const [onServer, onDatabase] = /```sql\n([^]*?)```/
    .exec(readFileSync(PAGE, 'utf8'))![1]!
    // Roles are the server's, which may be somebody's own.
    .replaceAll(/\bidentity(?=_|;| )/g, name)
    .split(/\\connect .*\n/) as [string, string];
  const serverUrl = process.env.TEST_DATABASE_URL!;
  const url = (user: string): string =>
    Object.assign(new URL(serverUrl), { pathname: `/${name}`, username: user, password: '…' }).href;
  await run(serverUrl, onServer);
  await run(Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href, onDatabase);
  return {
    ownerUrl: url(`${name}_owner`),
    serviceUrl: url(`${name}_service`),
    drop: () =>
      run(
        serverUrl,
        `drop database ${name} with (force); drop role ${name}_owner; drop role ${name}_service`,
      ),
  };
}

/** One statement after the other, since a database can't be created together with others. */
async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of sql.replaceAll(/^--.*$/gm, '').split(';')) {
      await client.query(statement);
    }
  } finally {
    await client.end();
  }
}

import pg from 'pg';

export default async function stopDatabase() {
  if (globalThis.testPostgres !== undefined) {
    await globalThis.testPostgres.stop();
    return;
  }
  const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
  await client.connect();
  await client.query(`drop database if exists ${process.env.TEST_TEMPLATE}`);
  await client.query(`drop database if exists ${process.env.TEST_TEMPLATE}_begun`);
  await client.end();
}

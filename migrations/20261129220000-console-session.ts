import { Migration } from '@mikro-orm/migrations';

/**
 * Who is signed in to the console. A session is looked up before its tenant is known, by the hash of its secret, and is worth
 * no more than the key that it was opened with.
 *
 * Locks nothing that is in use: the table is new, and its foreign key is checked against no row. Builds from before do not read
 * it. `down` signs everybody out.
 */
export class ConsoleSession extends Migration {
  override up(): void {
    this.addSql(`create table console_session (
      hash text collate "C" not null,
      key_id text not null,
      created_at timestamptz(6) not null,
      expires_at timestamptz(6) not null,
      last_used_at timestamptz(6) not null,
      constraint console_session_pkey primary key (hash),
      constraint console_session_key_id_foreign foreign key (key_id)
        references api_key (id) on update no action on delete no action
    )`);
  }

  override down(): void {
    this.addSql('drop table console_session');
  }
}

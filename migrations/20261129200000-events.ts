import { Migration } from '@mikro-orm/migrations';

const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * Events: each decision leaves its events in `event_outbox`, in its own transaction. The relay moves them to `event_log`, where
 * they have consecutive positions for each tenant, counted in `event_head`.
 *
 * An epoch is a stretch of the log that nothing was lost of. `epochs` has their names, `epoch_starts` the position after which each
 * begins. `origin` tells one database from a copy of it that was restored: then a new epoch begins. `trimmed` is the last position
 * that is no longer there. `is_paused`: changes were made that left no events.
 *
 * Locks nothing that is there already. Builds from before write no events. `down` drops all events.
 */
export class Events extends Migration {
  override up(): void {
    this.addSql('create sequence event_outbox_id_seq');
    this.addSql(`create table event_outbox (
      tenant_id int not null,
      id bigint not null,
      at timestamptz(6) not null,
      events json not null,
      constraint event_outbox_pkey primary key (tenant_id, id)
    )`);
    this.addSql(`create table event_head (
      tenant_id int not null,
      position bigint not null,
      trimmed bigint not null,
      epochs text[] not null,
      epoch_starts bigint[] not null,
      origin text not null,
      is_paused boolean not null,
      constraint event_head_pkey primary key (tenant_id),
      constraint event_head_forward check (trimmed <= position),
      constraint event_head_epochs check (cardinality(epochs) > 0 and cardinality(epochs) = cardinality(epoch_starts))
    )`);
    this.addSql(`create table event_log (
      tenant_id int not null,
      position bigint not null,
      outbox_id bigint not null,
      at timestamptz(6) not null,
      type text not null,
      data json not null,
      constraint event_log_pkey primary key (tenant_id, position)
    )`);
    for (const table of ['event_outbox', 'event_head', 'event_log']) {
      this.addSql(`alter table ${table} enable row level security`);
      this.addSql(`alter table ${table} force row level security`);
      this.addSql(
        `create policy ${table}_of_tenant on ${table} as permissive for all to public
          using (${OWN_ROWS}) with check (${OWN_ROWS})`,
      );
    }
  }

  override down(): void {
    this.addSql('drop table event_log');
    this.addSql('drop table event_head');
    this.addSql('drop table event_outbox');
    this.addSql('drop sequence event_outbox_id_seq');
  }
}

import { Migration } from '@mikro-orm/migrations';

const OWN_ROWS = `tenant_id = nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * Webhooks and their deliveries, one for each endpoint and event.
 *
 * A delivery that is due or under way is `pending`. `due_at` is when its next attempt may begin; whoever takes it up puts it off by
 * the time that an attempt may take, so that nobody else does. A delivery has no foreign key to its event, which would need an
 * index of its own when events are deleted.
 *
 * Locks nothing that is there already. Builds from before deliver nothing. `down` drops all webhooks.
 */
export class Webhooks extends Migration {
  override up(): void {
    this.addSql('create sequence webhook_id_seq');
    this.addSql(`create table webhook (
      tenant_id int not null,
      id bigint not null,
      url text not null,
      types text[] null,
      description text null,
      secret bytea not null,
      previous_secret bytea null,
      previous_secret_until timestamptz(6) null,
      failing_since timestamptz(6) null,
      disabled_at timestamptz(6) null,
      disabled_reason text null,
      deleted_at timestamptz(6) null,
      created_at timestamptz(6) not null,
      constraint webhook_pkey primary key (tenant_id, id),
      constraint webhook_disabled check ((disabled_at is null) = (disabled_reason is null)),
      constraint webhook_previous_secret check ((previous_secret is null) = (previous_secret_until is null))
    )`);
    this.addSql(`create table webhook_delivery (
      tenant_id int not null,
      webhook_id bigint not null,
      event_position bigint not null,
      state text not null,
      attempts smallint not null,
      due_at timestamptz(6) null,
      last_attempt_at timestamptz(6) null,
      last_status smallint null,
      last_failure text null,
      created_at timestamptz(6) not null,
      constraint webhook_delivery_pkey primary key (tenant_id, webhook_id, event_position),
      constraint webhook_delivery_state check (state in ('pending', 'delivered', 'dead')),
      constraint webhook_delivery_due check ((state = 'pending') = (due_at is not null)),
      constraint webhook_delivery_webhook_foreign foreign key (tenant_id, webhook_id)
        references webhook (tenant_id, id) on update no action on delete no action
    )`);
    this.addSql(
      `create index webhook_delivery_due_index on webhook_delivery (tenant_id, webhook_id, due_at, event_position)
        where state = 'pending'`,
    );
    this.addSql(
      'create index webhook_delivery_state_index on webhook_delivery (tenant_id, webhook_id, state, event_position)',
    );
    for (const table of ['webhook', 'webhook_delivery']) {
      this.addSql(`alter table ${table} enable row level security`);
      this.addSql(`alter table ${table} force row level security`);
      this.addSql(
        `create policy ${table}_of_tenant on ${table} as permissive for all to public
          using (${OWN_ROWS}) with check (${OWN_ROWS})`,
      );
    }
  }

  override down(): void {
    this.addSql('drop table webhook_delivery');
    this.addSql('drop table webhook');
    this.addSql('drop sequence webhook_id_seq');
  }
}

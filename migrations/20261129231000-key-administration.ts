import { Migration } from '@mikro-orm/migrations';

const TENANT = `nullif(current_setting('identity.tenant_id', true), '')::int`;

/**
 * What the role of the replicas may do with API keys, now that keys are administered over HTTP: a new key belongs to the tenant
 * that the transaction names, and a revoked key stays revoked. Keys are looked up before their tenant is known, so all may be
 * read. The owner of the table, as whom the command line connects, is not bound.
 *
 * The index is the order in which the keys of a tenant are listed. Locks `api_key` for a moment. Builds from before run on this
 * schema; they note no last use of a revoked key. `down` leaves all keys as they are.
 */
export class KeyAdministration extends Migration {
  override up(): void {
    this.addSql('create index api_key_created_index on api_key (tenant_id, created_at, id)');
    this.addSql('drop index api_key_tenant_id_index');
    this.addSql('alter table api_key enable row level security');
    this.addSql('create policy api_key_read on api_key as permissive for select to public using (true)');
    this.addSql(
      `create policy api_key_create on api_key as permissive for insert to public with check (tenant_id = ${TENANT})`,
    );
    this.addSql(
      `create policy api_key_change on api_key as permissive for update to public
        using (revoked_at is null) with check (true)`,
    );
  }

  override down(): void {
    for (const policy of ['api_key_change', 'api_key_create', 'api_key_read']) {
      this.addSql(`drop policy ${policy} on api_key`);
    }
    this.addSql('alter table api_key disable row level security');
    this.addSql('create index api_key_tenant_id_index on api_key (tenant_id)');
    this.addSql('drop index api_key_created_index');
  }
}

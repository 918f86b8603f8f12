-- Erases the personal data of deleted contacts. They keep their row and their id, and lose email and phone number. Merges
-- lose identifiers that no contact has any more. Run it as the owner, as often as your retention requires:
--
--   psql "$DATABASE_URL" -v tenant=1 -v days=30 -f erase-deleted.sql
--
-- tenant: id of the tenant; days: how long deleted contacts stay as they were. It may run while the service runs.

\set ON_ERROR_STOP on
begin;
select set_config('identity.tenant_id', :'tenant', true) as tenant;

update contact
  set email = case when email is not null then 'erased-' || id end,
    phone_number = case when email is null then 'erased-' || id end
  where tenant_id = :tenant and deleted_at < now() - make_interval(days => :days)
    and coalesce(email, phone_number) <> 'erased-' || id;

update identity_merge m
  set email = 'erased', phone_number = 'erased'
  where tenant_id = :tenant and email <> 'erased'
    and (not exists (select from identifier i where i.tenant_id = m.tenant_id and i.kind = 0 and i.value = m.email)
      or not exists (select from identifier i where i.tenant_id = m.tenant_id and i.kind = 1 and i.value = m.phone_number));
commit;

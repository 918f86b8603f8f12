-- Erases the personal data of deleted contacts. They keep their row, id, links and dates, and lose their identifiers, also
-- those of their past. Merges lose identifiers that no contact has any more, and so do the past states of contacts that a split
-- took them from. Run it as the owner, as often as your retention requires:
--
--   psql "$DATABASE_URL" -v tenant=1 -v days=30 -f erase-deleted.sql
--
-- tenant: id of the tenant; days: how long deleted contacts stay as they were. It may run while the service runs.

\set ON_ERROR_STOP on
begin;
select set_config('identity.tenant_id', :'tenant', true) as tenant;

-- A rule is looked for only where a contact of an identity is marked as having one. The mark of a deleted contact no longer
-- counts when its identifiers are erased, so those who hold what rules speak of are marked first.
update contact
  set is_ruled = true
  where tenant_id = :tenant and is_ruled is not true
    and id in (
      select i.contact_id
      from do_not_link d join identifier i on i.tenant_id = d.tenant_id and i.kind = d.kind and i.value = d.value
      where d.tenant_id = :tenant and i.contact_id is not null);

update contact_past p
  set email = null, phone_number = null, identifiers = null
  from contact c
  where c.tenant_id = :tenant and c.deleted_at < now() - make_interval(days => :days)
    and p.tenant_id = c.tenant_id and p.contact_id = c.id
    and coalesce(p.email, p.phone_number, p.identifiers::text) is not null;

-- A contact must have an identifier; this one is nobody's.
update contact
  set email = case when email is not null then 'erased-' || id end,
    phone_number = case when email is null then 'erased-' || id end,
    identifiers = null
  where tenant_id = :tenant and deleted_at < now() - make_interval(days => :days)
    and coalesce(email, phone_number, '') <> 'erased-' || id;

with lost as materialized (
  select s.contact_id, s.until, given.kind, given.value
  from contact_past s join contact c on c.tenant_id = s.tenant_id and c.id = s.contact_id
  cross join lateral (
    select 0 as kind, s.email as value
    union all select 1, s.phone_number
    union all select key::int, value from jsonb_each_text(s.identifiers)) given
  where s.tenant_id = :tenant and given.value is not null
    and (s.email, s.phone_number, s.identifiers) is distinct from (c.email, c.phone_number, c.identifiers)),
free as materialized (
  select distinct kind, value from lost
  where not exists (
    select from identifier i
    where i.tenant_id = :tenant and i.kind = lost.kind and i.value = lost.value and i.contact_id is not null)),
gone as materialized (
  select kind, value from free
  except select 0, email from contact where tenant_id = :tenant and email in (select value from free where kind = 0)
  except select 1, phone_number from contact where tenant_id = :tenant and phone_number in (select value from free where kind = 1)
  except select key::int, value from contact, jsonb_each_text(identifiers) where tenant_id = :tenant and value in (select value from free))
update contact_past p
  set email = case when not exists (select from gone where kind = 0 and value = p.email) then p.email end,
    phone_number = case when not exists (select from gone where kind = 1 and value = p.phone_number) then p.phone_number end,
    identifiers = (
      select jsonb_object_agg(key, value) from jsonb_each_text(p.identifiers)
      where not exists (select from gone where gone.kind = key::int and gone.value = jsonb_each_text.value))
  where p.tenant_id = :tenant
    and (p.contact_id, p.until) in (select contact_id, until from lost join gone using (kind, value));

update identity_merge m
  set email = null, phone_number = null, identifiers = null
  where tenant_id = :tenant and coalesce(email, phone_number, identifiers::text) is not null
    and exists (
      select from (
        select 0 as kind, m.email as value
        union all select 1, m.phone_number
        union all select key::int, value from jsonb_each_text(m.identifiers)
      ) given
      where given.value is not null
        and not exists (
          select from identifier i
          where i.tenant_id = m.tenant_id and i.kind = given.kind and i.value = given.value and i.contact_id is not null));
commit;

-- Creates the two roles of the database. Run it once, as a superuser or as a role that may create roles, in the database of
-- the service and before the first migration:
--
--   psql "$ADMIN_URL" -v database=identity -v owner_password="'…'" -v service_password="'…'" -f roles.sql
--
-- identity_owner   owns the tables. Migrations, tenants, keys, import and export use it.
-- identity_service is the role of the replicas. It owns nothing, changes no schema and creates no tenants. Row level security
--                  shows it only the rows of the tenant that its transaction names. Each `npm run migration:up` with
--                  DATABASE_SERVICE_ROLE=identity_service grants what it may read and write.

create role identity_owner login password :owner_password;
create role identity_service login password :service_password connection limit 100;

-- Settings of the role, because a pooler does not pass on settings of a connection.
alter role identity_service set statement_timeout = '3s';
alter role identity_service set lock_timeout = '1s';
alter role identity_service set idle_in_transaction_session_timeout = '5s';
alter role identity_service set plan_cache_mode = 'force_generic_plan';
-- A plan is made while a table is small, and kept while it grows: those of foreign keys too, behind a pooler.
alter role identity_service set enable_seqscan = 'off';
alter role identity_service set enable_bitmapscan = 'off';

revoke all on database :"database" from public;
grant connect on database :"database" to identity_owner, identity_service;
grant temporary on database :"database" to identity_owner; -- the dry run of an import

revoke all on schema public from public;
grant usage, create on schema public to identity_owner;
grant usage on schema public to identity_service;

-- Large objects belong to no table, so no grant covers them: anybody could fill the disk with them. Needs a superuser;
-- other roles only get a warning.
revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) from public;

-- What can't be closed here:
-- - Every role may change its own settings, such as statement_timeout. Replicas set theirs with each connection, except
--   with DATABASE_POOLER=transaction.
-- - Every role may connect to every database of the server that admits PUBLIC. If the server is for this service alone:
--   revoke connect on database postgres, template1 from public;

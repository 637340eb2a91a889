-- The two people of this demo. Run by a superuser, in any database: roles belong to the whole cluster.
-- Their passwords are random and set by setup.sh; there are none in this repository.

select 'create role many_owner' where not exists (select from pg_roles where rolname = 'many_owner') \gexec
select 'create role many_gateway' where not exists (select from pg_roles where rolname = 'many_gateway') \gexec

-- Owns the database and everything in it, as the role of an application's migrations would.
alter role many_owner login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
comment on role many_owner is 'Owner of the demo database. Row security holds it too.';

-- The gateway signs in as this one. What it may do comes from tenancy_gateway alone: see 10_database.sql.
alter role many_gateway login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
comment on role many_gateway is 'The gateway''s login. It has no right to any table.';

-- A directory, a protected and a plain table, for bench/attach_instructions: psql -v many=SESSIONS
set client_min_messages = error;
create extension tenancy;
create table account (id bigint primary key, name text unique, hash text);
create table membership (user_id bigint, tenant_id bigint, primary key (user_id, tenant_id));
insert into account select n, 'user ' || n, '$2b$04$' || repeat('x', 53) from generate_series(1, 10000) n;
insert into membership select n, n % 1000 + k * 1000 from generate_series(1, 10000) n, generate_series(0, 2) k;
create view accounts as select id as user_id, name as user_name, hash as password_hash, false as is_admin, false as disabled from account;
-- Depends on the time: asked each time.
create view asked_accounts as select * from accounts where now() is not null;
create view memberships as select user_id, tenant_id, 'tenant ' || tenant_id as tenant_name from membership;
select tenancy.use_directory('accounts', 'memberships');
create table item (id bigint primary key, tenant_id bigint not null, note text);
insert into item select n, n % 1000, 'note ' || n from generate_series(1, 100000) n;
create index on item (tenant_id, id);
create table plain_item (like item including all);
insert into plain_item select * from item;
select count(*) from tenancy.protect('item');
vacuum analyze;
\ir attach_sessions.sql

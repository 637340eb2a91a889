-- What every test file finds: a small shop of tenants, people of every kind, and logins with passwords of their own.
-- Loaded once, by a superuser, into an empty database that has the extension pgtap. Committed: the tests act as
-- other people over other connections, which see only what is committed.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension dblink;
create extension pgcrypto; -- for cheap bcrypt hashes
create extension tenancy;

-- Tests make holes and look at them; those of the guard itself switch it on.
select format('alter database %I set tenancy.guard = off', current_database()) \gexec
set tenancy.guard = off;

\ir helpers.sql

-- ---------------------------------------------------------------- logins
-- Their passwords are random and known to superusers only.

drop role if exists shop_owner, shop_gateway, shop_reporting, shop_operator, shop_stranger, shop_root;
create role shop_owner login;
create role shop_gateway login in role tenancy_gateway; -- INHERIT, as most people leave it: the roles themselves do not
create role shop_reporting login;
create role shop_operator login in role tenancy_operator;
create role shop_stranger login;
create role shop_root login superuser; -- for statements that must be a transaction of their own

insert into tests.login (name)
values ('shop_owner'), ('shop_gateway'), ('shop_reporting'), ('shop_operator'), ('shop_stranger'), ('shop_root');
select format('alter role %I password %L', name, password) from tests.login \gexec

select format('alter database %I owner to shop_owner', current_database()) \gexec

-- ---------------------------------------------------------------- the shop
set role shop_owner;
create schema shop;
grant usage on schema shop to tenancy_user, tenancy_admin, shop_reporting;

create table shop.tenant (
  id bigint primary key,
  name text not null,
  may_see_all boolean not null default false
);
create table shop.account (
  id bigint generated always as identity primary key,
  user_name text,
  password_hash text,
  is_admin boolean not null default false,
  disabled boolean not null default false
);
create table shop.membership (
  user_id bigint not null references shop.account on delete cascade,
  tenant_id bigint not null references shop.tenant,
  role text not null default 'member',
  primary key (user_id, tenant_id)
);
create table shop.patient (
  id bigint generated always as identity primary key,
  tenant_id bigint,
  name text not null,
  note text
);
create index patient_name_idx on shop.patient (name);
-- Big enough for a parallel plan.
create table shop.reading (
  id bigint generated always as identity primary key,
  tenant_id bigint,
  amount integer not null
);

insert into shop.tenant (id, name) select n, 'tenant ' || n from generate_series(1, 300) n;
insert into shop.patient (tenant_id, name, note)
select t.id, format('patient %s of tenant %s', n, t.id), 'secret of tenant ' || t.id
  from shop.tenant t, generate_series(1, 5) n
 order by n, t.id;
-- Two tenants have most of the readings; the others share the rest.
insert into shop.reading (tenant_id, amount)
select case when n <= 24000 then 1 when n <= 42000 then 2 else 3 + n % 298 end, n
  from generate_series(1, 60000) n
 order by n % 97, n;

-- ---------------------------------------------------------------- people
-- Everybody's password is the name and '-secret', unless it says otherwise.
reset role;
insert into shop.account (user_name, password_hash, is_admin, disabled)
select p.name,
       overlay(crypt(coalesce(p.password, p.name || '-secret'), gen_salt('bf', 4)) placing p.prefix from 1 for 4),
       p.is_admin, p.disabled
  from (values
    ('ann',  null,            '$2b$', false, false), -- of tenant 1
    ('bob',  null,            '$2b$', false, false), -- of tenant 2
    ('cyd',  null,            '$2b$', false, false), -- of tenants 1, 3 and 7
    ('dan',  null,            '$2b$', false, false), -- of no tenant
    ('eve',  null,            '$2b$', true,  false), -- sees all tenants
    ('fay',  null,            '$2b$', false, true),  -- disabled, of tenant 1
    ('twin', null,            '$2b$', false, false), -- two accounts of one name
    ('twin', null,            '$2b$', false, false),
    ('ian',  null,            '$2a$', false, false),
    ('joy',  null,            '$2y$', false, false),
    ('lea',  repeat('l', 72), '$2b$', false, false), -- as long as bcrypt can read
    ('ned',  null,            '$2b$', false, false)  -- loses the hash below
  ) as p (name, password, prefix, is_admin, disabled);
update shop.account set password_hash = null where user_name = 'ned';
insert into shop.account (user_name, password_hash) values
  ('gil', '$6$saltsalt$3Z11HPNKgIbND8yQKZ051nKHX5SuQt2J63Tw646bSdeHLk/HTXBAPOmRPdPT.3FKU14foiRM9OLpwmz2SBBpe0'),
  ('hal', tenancy.hash_password('hal-secret')),
  -- Of ken-secret, and verifying it would take seconds.
  ('ken', '$2b$17$abcdefghijklmnopqrstuubgsFe9uAloFqARE5yStWRDWtZS/k8Oi'),
  ('max', 'a password in plain text');

insert into shop.membership (user_id, tenant_id, role)
select a.id, m.tenant_id, 'member'
  from (values ('ann', 1), ('bob', 2), ('cyd', 1), ('cyd', 3), ('cyd', 7), ('fay', 1), ('twin', 1), ('ian', 4),
               ('joy', 4), ('lea', 4), ('ned', 4), ('gil', 5), ('hal', 5), ('ken', 5), ('max', 5)) as m (name, tenant_id)
  join shop.account a on a.user_name = m.name;

set role shop_owner;
create view shop.accounts as
  select a.id as user_id, a.user_name, a.password_hash, a.is_admin, a.disabled from shop.account a;
create view shop.memberships as
  select m.user_id, m.tenant_id, t.name as tenant_name, m.role
    from shop.membership m join shop.tenant t on t.id = m.tenant_id;

-- ---------------------------------------------------------------- protection
select tenancy.use_directory('shop.accounts', 'shop.memberships');
select count(*) from tenancy.protect('shop.patient');
select count(*) from tenancy.protect('shop.reading');
-- A tenant reads its own row here and may not change it. The directory's view joins it: protected tables serve that too.
select count(*) from tenancy.protect('shop.tenant', 'id', 'read');
grant select on shop.patient, shop.reading to shop_reporting;
reset role;
analyze shop.tenant, shop.patient, shop.reading;

-- An application in an empty database, on version :version of the extension, as its users would have made it: two
-- customers with invoices, and people who sign in. :login is the role that the application connects as.
\set ON_ERROR_STOP on
-- The guard warns of the table before it is protected.
set client_min_messages = error;

create extension tenancy version :'version';

create schema shop;
create table shop.customer (id bigint primary key, name text not null);
create table shop.account (
    id bigint primary key,
    customer_id bigint not null references shop.customer,
    login text not null unique,
    hash text not null
);
create table shop.invoice (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references shop.customer,
    amount numeric not null
);
insert into shop.customer values (1, 'Ann''s shop'), (2, 'Bob''s garage');
insert into shop.account values (1, 1, 'ann', tenancy.hash_password('secret of ann')), (2, 2, 'bob', tenancy.hash_password('secret of bob'));
insert into shop.invoice (tenant_id, amount) values (1, 10), (1, 20), (2, 30);
create view shop.accounts as select id as user_id, login as user_name, hash as password_hash, false as is_admin from shop.account;
create view shop.memberships as
    select a.id as user_id, c.id as tenant_id, c.name as tenant_name from shop.account a join shop.customer c on c.id = a.customer_id;

select from tenancy.use_directory('shop.accounts', 'shop.memberships');
select from tenancy.protect('shop.invoice', keys => true);
grant usage on schema shop to tenancy_user, tenancy_admin;

create schema api;
create view api.invoices with (security_invoker) as select * from shop.invoice;
grant usage on schema api to tenancy_user, tenancy_admin;
grant select on api.invoices to tenancy_user, tenancy_admin;

grant tenancy_gateway to :"login";
select from (select rule, object from tenancy.check(array['language_usage']) limit 1) found, tenancy.accept(found.rule, found.object, 'kept by the update');
